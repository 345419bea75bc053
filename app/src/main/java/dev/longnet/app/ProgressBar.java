package dev.longnet.app;

import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * How far a long piece of work is: a bar that redraws itself on a terminal, a plain line every few seconds elsewhere.
 * Used by one thread.
 */
public final class ProgressBar implements AutoCloseable {
    private static final long SCREEN_NANOS = Duration.ofMillis(100).toNanos();
    private static final long LINES_NANOS = Duration.ofSeconds(5).toNanos();
    private static final int BAR = 20;

    private final Output output;
    private final Terminal terminal;
    private final LongSupplier clock;
    private final String what;
    private final long first;
    private final long total;
    private final long start;
    private long shownAt;
    private long done;
    private long tokens;
    private double loss = Double.NaN;
    private boolean shown;

    ProgressBar(Output output, Terminal terminal, LongSupplier clock, String what, long first, long total) {
        this.output = output;
        this.terminal = terminal;
        this.clock = clock;
        this.what = what;
        this.first = first;
        this.done = first;
        this.total = total;
        this.start = clock.getAsLong();
        this.shownAt = start;
    }

    /**
     * Tells where the work is.
     *
     * @param done units of work done, those of before a resume included
     * @param tokens tokens read since this bar started; 0 where tokens mean nothing
     * @param loss the latest loss; NaN where there is none
     */
    public void update(long done, long tokens, double loss) {
        this.done = done;
        this.tokens = tokens;
        this.loss = loss;
        shown = false;
        long now = clock.getAsLong();
        boolean screen = terminal.kind() == Terminal.Kind.SCREEN;
        if (now - shownAt >= (screen ? SCREEN_NANOS : LINES_NANOS)) {
            show(now);
        }
    }

    /** Tells where the work is that has neither tokens nor a loss. */
    public void update(long done) {
        update(done, 0, Double.NaN);
    }

    /** Shows where the work ended. */
    @Override
    public void close() {
        if (!shown && done > first) {
            show(clock.getAsLong());
        }
        output.endBar();
    }

    private void show(long now) {
        shownAt = now;
        shown = true;
        if (terminal.kind() == Terminal.Kind.NONE) {
            return;
        }
        String line = line(now - start);
        boolean screen = terminal.kind() == Terminal.Kind.SCREEN;
        output.bar(screen && line.length() >= terminal.columns() ? line.substring(0, terminal.columns() - 1) : line);
    }

    private String line(long nanos) {
        StringBuilder line =
                new StringBuilder(what).append(' ').append(done).append('/').append(total);
        if (terminal.kind() == Terminal.Kind.SCREEN) {
            int full = (int) (BAR * Math.min(done, total) / Math.max(1, total));
            line.append(" [")
                    .append("=".repeat(full))
                    .append(" ".repeat(BAR - full))
                    .append(']');
        }
        double seconds = nanos / 1e9;
        if (tokens > 0) {
            line.append("  ").append(Human.count(tokens)).append(" tokens");
        }
        if (!Double.isNaN(loss)) {
            line.append(String.format(Locale.ROOT, "  loss %.3f", loss));
        }
        if (tokens > 0 && seconds > 0) {
            line.append("  ").append(Human.count(tokens / seconds)).append(" tokens/s");
        }
        if (done >= total) {
            line.append("  in ").append(Human.time(Duration.ofNanos(nanos)));
        } else if (done > first) {
            double left = (double) nanos / (done - first) * (total - done);
            line.append("  ").append(Human.time(Duration.ofNanos((long) left))).append(" left");
        }
        return line.toString();
    }
}
