package dev.longnet.read;

import static dev.longnet.Checks.requireArgument;

import java.util.ArrayList;
import java.util.List;

/** Mean −ln p of tokens by how much text stands before them, in ranges that double from 1024 tokens on. */
public final class LossByPosition {
    private static final int FIRST = 10, RANGES = 64 - FIRST;

    private final double[] sums = new double[RANGES];
    private final long[] counts = new long[RANGES];
    private double lastSum;
    private long lastCount;

    /** Mean −ln p of {@code tokens} tokens at positions [from, to). */
    public record Range(long from, long to, double loss, long tokens) {}

    /**
     * Adds neighbouring tokens.
     *
     * @param position of the first
     * @param losses −ln p of each
     * @return whether all are finite; else nothing was added
     */
    public boolean add(long position, float[] losses) {
        double all = 0;
        for (float loss : losses) {
            all += loss;
        }
        if (!Double.isFinite(all)) {
            return false;
        }
        for (int i = 0; i < losses.length; i++) {
            int range = range(position + i);
            sums[range] += losses[i];
            counts[range]++;
        }
        lastSum += all;
        lastCount += losses.length;
        return true;
    }

    private static int range(long position) {
        return Math.max(0, Long.SIZE - Long.numberOfLeadingZeros(position) - FIRST);
    }

    /** Mean of what was added since this was last asked for; NaN for nothing. */
    public double latest() {
        double mean = lastSum / lastCount;
        lastSum = lastCount = 0;
        return mean;
    }

    /** Mean of everything; NaN for nothing. */
    public double mean() {
        double sum = 0;
        long count = 0;
        for (int i = 0; i < RANGES; i++) {
            sum += sums[i];
            count += counts[i];
        }
        return sum / count;
    }

    /** The ranges that have tokens. */
    public List<Range> ranges() {
        List<Range> ranges = new ArrayList<>();
        for (int i = 0; i < RANGES; i++) {
            if (counts[i] > 0) {
                long from = i == 0 ? 0 : 1L << FIRST + i - 1;
                ranges.add(new Range(from, 1L << FIRST + i, sums[i] / counts[i], counts[i]));
            }
        }
        return ranges;
    }

    /** A text form that {@link #parse} reads back exactly. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < RANGES; i++) {
            text.append(i == 0 ? "" : " ").append(sums[i]).append(':').append(counts[i]);
        }
        return text.toString();
    }

    /** @throws IllegalArgumentException if it is not such a text */
    public static LossByPosition parse(String text) {
        String[] ranges = text.split(" ", -1);
        requireArgument(ranges.length == RANGES, "losses by position have %d ranges, got %d", RANGES, ranges.length);
        LossByPosition losses = new LossByPosition();
        for (int i = 0; i < RANGES; i++) {
            String[] pair = ranges[i].split(":", -1);
            requireArgument(pair.length == 2, "losses by position are sum:count, got %s", ranges[i]);
            losses.sums[i] = Double.parseDouble(pair[0]);
            losses.counts[i] = Long.parseLong(pair[1]);
        }
        return losses;
    }
}
