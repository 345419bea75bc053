package dev.longnet.ranks;

/** A collective operation under way. */
public interface Exchange {
    /** Waits until it is done; on a GPU what comes next on the current stream waits, not the caller. */
    void await();
}
