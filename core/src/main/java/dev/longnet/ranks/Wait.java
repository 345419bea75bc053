package dev.longnet.ranks;

import dev.longnet.tensor.Pending;
import java.time.Duration;

/** Waiting for other ranks in slices, for as long as all live and no longer than a limit. */
record Wait(Watch watch, Call call, Duration limit) {
    /** Without a limit but the others' lives. */
    static final Duration FOREVER = Duration.ofDays(365);

    /** Returns when it is done, and closes it. */
    void until(Pending pending) {
        long start = System.nanoTime();
        try (pending) {
            while (!poll(pending)) {
                watch.check();
                if (System.nanoTime() - start > limit.toNanos()) {
                    watch.end(watch.name() + " has waited " + limit.toSeconds() + " s for the other ranks in " + call
                            + "; a rank computes longer or never calls it; let all wait in barrier() where one has more to"
                            + " do, or raise LONGNET_COLLECTIVE_SECONDS");
                    watch.check();
                }
            }
        }
    }

    private boolean poll(Pending pending) {
        try {
            return pending.await(Watch.SLICE_MILLIS);
        } catch (RuntimeException e) {
            throw watch.failure(call.toString(), e);
        }
    }
}
