package dev.longnet.ranks;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Work that ends by itself, in good order, once the process is told to stop by Ctrl-C or a signal: the JVM waits for it,
 * and its ranks stay together until all have ended theirs.
 *
 * <pre>{@code
 * try (Interruption interruption = new Interruption(trainer::stop)) {
 *     trainer.run(resume);
 * }
 * }</pre>
 */
public final class Interruption implements AutoCloseable {
    /** Longest wait of the JVM, which else could never be stopped. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private static volatile boolean expected;

    private final Runnable stop;
    private final CountDownLatch over = new CountDownLatch(1);
    private final Thread hook = new Thread(this::interrupt, "longnet-interruption");
    private volatile boolean came;

    /** @param stop asks the work to end; runs at once if the process was told to stop already */
    public Interruption(Runnable stop) {
        this.stop = stop;
        expected = true;
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException e) { // the JVM goes down
            came = true;
            stop.run();
        }
    }

    private void interrupt() {
        came = true;
        stop.run();
        await(over);
    }

    /** Whether the process was told to stop. */
    public boolean came() {
        return came;
    }

    /** Whether this process has begun work that ends by itself, and so leaves its ranks by itself too. */
    static boolean isExpected() {
        return expected;
    }

    /** Waits in a thread that the JVM's end waits for. */
    static void await(CountDownLatch over) {
        try {
            over.await(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The work has ended. */
    @Override
    public void close() {
        over.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the JVM goes down, with everything done
        }
    }
}
