package dev.longnet.ranks;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.ranks.Line.Word;
import java.io.IOException;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Sees to it that all ranks end together, for one reason that names its rank. Every rank has a {@link Line} to rank 0 and
 * rank 0 one to each: a process that is gone cuts its line at once, one that hangs no longer beats, one that fails says
 * why; rank 0 passes the first reason on to all.
 *
 * <p>A thread that waits for others asks {@link #check} in between. Who is still not closed {@value #GRACE_MILLIS} ms after
 * the end is stuck in native code, so the watch prints the reason and halts the process.
 */
final class Watch implements AutoCloseable, Line.Listener {
    /** Longest wait between two looks at whether all end. */
    static final int SLICE_MILLIS = 100;

    private static final int GRACE_MILLIS = 2000, FAREWELL_MILLIS = 500, BEATS = 5;

    private final RankPlace place;
    private final Duration silence;
    private final String[] hosts;
    private final List<Line> lines = new CopyOnWriteArrayList<>();
    private final AtomicReference<String> reason = new AtomicReference<>();
    private final AtomicReference<String> welcome = new AtomicReference<>();
    private final BitSet done = new BitSet();
    private final CountDownLatch allDone;
    private final CountDownLatch left = new CountDownLatch(1);
    private final Thread atExit = new Thread(this::exit, "longnet-exit");
    private volatile boolean closed;

    Watch(RankPlace place, Duration silence) {
        this.place = place;
        this.silence = silence;
        hosts = new String[place.size()];
        hosts[place.rank()] = place.host();
        allDone = new CountDownLatch(place.rank() == 0 ? place.size() - 1 : 1);
        Runtime.getRuntime().addShutdownHook(atExit);
        Background.start("longnet-beat", this::beat);
    }

    /** A rank as messages name it. */
    String name(int rank) {
        return hosts[rank] == null ? "rank " + rank : "rank " + rank + " on host " + hosts[rank];
    }

    /** The rank that this process is, as messages name it. */
    String name() {
        return name(place.rank());
    }

    /** Watches over a line from now on. */
    void add(Line line, String host) {
        hosts[line.peer()] = host;
        lines.add(line);
        try {
            line.listen(silence, this);
        } catch (IOException e) {
            broken(line);
        }
    }

    List<Line> lines() {
        return lines;
    }

    /** All ranks have come: this is where. */
    void met(String[] names) {
        System.arraycopy(names, 0, hosts, 0, hosts.length);
    }

    /** Waits for what rank 0 says when all have come. */
    String awaitWelcome() {
        while (welcome.get() == null) {
            pause();
        }
        return welcome.get();
    }

    /** Throws the reason if all ranks end. */
    void check() {
        if (reason.get() != null) {
            throw new LongNetException(reason.get());
        }
    }

    /** Waits a moment, or throws the reason if all ranks end. */
    void pause() {
        check();
        try {
            Thread.sleep(SLICE_MILLIS / 10);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LongNetException(e, "%s was interrupted while it waited for other ranks", name());
        }
        check();
    }

    /** Does something that may wait for others in native code, on another thread, for as long as the others live. */
    <T> T during(String what, Callable<T> work) {
        FutureTask<T> task = new FutureTask<>(work);
        Background.start("longnet-" + what.replace(' ', '-'), task);
        while (true) {
            check();
            try {
                return task.get(SLICE_MILLIS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                // look again
            } catch (ExecutionException e) {
                throw failure(what, e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LongNetException(e, "%s was interrupted while %s", name(), what);
            }
        }
    }

    /** What to throw when libtorch has failed: most often another rank is gone, and its line will tell which. */
    LongNetException failure(String what, Throwable cause) {
        long until = System.nanoTime() + silence.plusSeconds(1).toNanos();
        while (reason.get() == null && System.nanoTime() < until) {
            try {
                Thread.sleep(SLICE_MILLIS / 10);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        end(name() + ": " + what + " failed: " + text(cause));
        return new LongNetException(cause, "%s", reason.get());
    }

    /** Ends all ranks because this one has failed, unless they end already. */
    void fail(Throwable cause) {
        end(name() + ": " + text(cause));
        awaitEnds();
    }

    private static String text(Throwable cause) {
        String message = String.valueOf(cause.getMessage()).strip();
        boolean ours = cause instanceof LongNetException || cause instanceof InvalidArgumentException;
        return ours
                ? message
                : cause.getClass().getSimpleName() + ": "
                        + message.lines().findFirst().orElse("");
    }

    /** Ends all ranks, unless they end already: for this reason, or for the one that rank 0 has heard first. */
    void end(String why) {
        if (closed || isEnding()) {
            return;
        }
        if (place.rank() > 0) {
            lines.forEach(line -> line.say(Word.END, why));
            awaitEnds();
        }
        adopt(why);
    }

    /** Waits a little until the other ends have heard why all end, or have said so themselves. */
    private void awaitEnds() {
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(FAREWELL_MILLIS);
        try {
            for (Line line : lines) {
                line.awaitEnd(until - System.nanoTime());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void adopt(String why) {
        if (!closed && reason.compareAndSet(null, why)) {
            lines.forEach(line -> line.say(Word.END, why));
            Background.start("longnet-grace", this::grace);
        }
    }

    private void grace() {
        try {
            Thread.sleep(GRACE_MILLIS);
        } catch (InterruptedException e) {
            // no more patience then
        }
        if (!closed) {
            System.err.println(reason.get());
            Runtime.getRuntime().halt(1);
        }
    }

    boolean isEnding() {
        return reason.get() != null;
    }

    @Override
    public void heard(Line line, Word word, String text) {
        switch (word) {
            case BEAT -> {}
            case WELCOME -> welcome.set(text);
            case DONE -> {
                synchronized (done) {
                    done.set(line.peer());
                }
                allDone.countDown();
            }
            case END -> adopt(text);
        }
    }

    @Override
    public void broken(Line line) {
        if (!isDone(line)) {
            end(name(line.peer())
                    + " is gone: its process was killed or has crashed, or its machine is lost; see its log");
        }
    }

    @Override
    public void silent(Line line) {
        if (!isDone(line)) {
            adopt(name(line.peer()) + " has given no sign of life for " + silence.toSeconds()
                    + " s: its process is stopped, or its machine or network is lost");
        }
    }

    private boolean isDone(Line line) {
        synchronized (done) {
            return done.get(line.peer());
        }
    }

    private void beat() {
        try {
            while (!closed) {
                lines.forEach(line -> line.say(Word.BEAT, ""));
                Thread.sleep(silence.toMillis() / BEATS);
            }
        } catch (InterruptedException e) {
            // nobody does
        }
    }

    private void exit() {
        if (Interruption.isExpected()) {
            Interruption.await(left);
        }
        end(name() + " was told to stop, by a signal or System.exit, before its work was done");
    }

    /** Waits until all ranks are done with their work. */
    void finish() {
        check();
        if (place.rank() > 0) {
            lines.forEach(line -> line.say(Word.DONE, ""));
        }
        while (allDone.getCount() > 0) {
            pause();
        }
        if (place.rank() == 0) {
            lines.forEach(line -> line.say(Word.DONE, ""));
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            // the process exits
        }
        long patience = isEnding() && place.rank() > 0 ? 0 : FAREWELL_MILLIS; // rank 0 lets the others go first
        long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(patience);
        lines.forEach(line -> line.close(until - System.nanoTime()));
        left.countDown();
    }
}
