/**
 * Ranks: processes, or threads, that compute one thing together, and what they exchange. Attention and training are given
 * a {@link dev.longnet.ranks.RankGroup} and know nothing else of it; one device is a group of one.
 */
package dev.longnet.ranks;
