package dev.longnet.app.bench;

/** Work that has been set up and is run again and again; closing it frees what the set-up made. */
interface Workload extends AutoCloseable {
    /** Does the work once and waits until the device has finished. */
    void run();

    /** Does the work once; a GPU may still be at it on return. */
    default void start() {
        run();
    }

    @Override
    void close();
}
