package dev.longnet.tensor;

import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.Work;

/** Collective operations of a {@link ProcessGroup} under way. */
public final class Pending implements AutoCloseable {
    private final boolean onStream;
    private final Work[] works;
    private int done;

    /** @param onStream whether waiting is the current stream's */
    Pending(boolean onStream, Work... works) {
        this.onStream = onStream;
        this.works = works;
        for (Work work : works) {
            Scope.own(work);
        }
    }

    /**
     * Waits a while. Between GPUs the wait is the current stream's and this returns at once.
     *
     * @param millis longest wait, &gt; 0
     * @return whether it is done
     * @throws RuntimeException from libtorch if it failed
     */
    public boolean await(long millis) {
        try (Scope scope = new Scope()) {
            Milliseconds slice = new Milliseconds(millis);
            for (; done < works.length; done++) {
                if (!(onStream ? works[done]._wait() : await(works[done], slice))) {
                    return false;
                }
            }
            return true;
        }
    }

    private static boolean await(Work work, Milliseconds slice) {
        try {
            return work._wait(slice);
        } catch (RuntimeException e) { // time is up, or it failed
            return work.isCompleted() && work._wait();
        }
    }

    @Override
    public void close() {
        for (Work work : works) {
            work.close();
        }
    }
}
