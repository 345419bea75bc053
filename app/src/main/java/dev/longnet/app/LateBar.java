package dev.longnet.app;

/** A progress bar of work that says how much it is only once it has begun. */
final class LateBar implements AutoCloseable {
    private final Output output;
    private final String what;
    private ProgressBar bar;

    /** @param what one word for the work, such as "read" */
    LateBar(Output output, String what) {
        this.output = output;
        this.what = what;
    }

    /** Tells how many of how many units of work are done. */
    void update(long done, long total) {
        if (bar == null) {
            bar = output.progress(what, 0, total);
        }
        bar.update(done);
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
