/**
 * Measures how long attention, training steps and generated tokens take and how much memory they need.
 *
 * <p>A workload is set up and run once to load and warm everything, then set up anew, run once for its peak memory and
 * several times for the median of its time.
 */
package dev.longnet.app.bench;
