/**
 * Whether far context helps: facts told once in a long text and asked for many tokens later.
 *
 * <p>A small model is trained on such texts; then the share of right answers is measured by the distance between fact and
 * answer, beside the share that its attention can carry at all.
 */
package dev.longnet.recall;
