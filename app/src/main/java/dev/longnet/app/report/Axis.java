package dev.longnet.app.report;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;

/**
 * One axis of a chart: what it spans, where a value stands on it, and its ticks.
 *
 * @param low value at the start
 * @param high value at the end, larger than {@code low}
 * @param logarithmic whether equal ratios, rather than equal differences, stand equally far apart
 * @param ticks values with a label, within the span
 * @param label writes a tick
 */
record Axis(double low, double high, boolean logarithmic, List<Double> ticks, DoubleFunction<String> label) {
    /** What the values of an axis are, which decides its ticks and their labels. */
    enum Kind {
        /** Plain numbers whose differences matter. */
        LINEAR,
        /** Steps of training: whole numbers from exactly the first to the last. */
        STEPS,
        /** Plain numbers from zero. */
        FROM_ZERO,
        /** Plain numbers whose ratios matter. */
        LOGARITHMIC,
        /** Numbers of tokens by doublings: 512, 1K, 2K. */
        TOKENS
    }

    private static final int MOST_TICKS = 8;

    /** The axis that spans the values; those that are not finite (or not positive on a logarithmic axis) don't count. */
    static Axis of(Kind kind, double[] values) {
        boolean logarithmic = kind == Kind.LOGARITHMIC || kind == Kind.TOKENS;
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (double value : values) {
            if (Double.isFinite(value) && (!logarithmic || value > 0)) {
                low = Math.min(low, value);
                high = Math.max(high, value);
            }
        }
        if (low > high) {
            low = high = 1;
        }
        return switch (kind) {
            case LINEAR -> linear(low, high, 5);
            case STEPS -> steps(low, high);
            case FROM_ZERO -> linear(Math.min(0, low), Math.max(0, high), 5);
            case LOGARITHMIC -> byRatio(low, high, new double[] {1, 2, 5}, 10, Numbers::compact);
            case TOKENS -> byRatio(low, high, new double[] {1}, 2, Numbers::tokens);
        };
    }

    /** Place of a value: 0 at the start, 1 at the end, NaN where it has none. */
    double place(double value) {
        return logarithmic
                ? Math.log(value > 0 ? value / low : Double.NaN) / Math.log(high / low)
                : (value - low) / (high - low);
    }

    private static Axis linear(double low, double high, int parts) {
        if (low == high) {
            double room = low == 0 ? 1 : Math.abs(low) / 10;
            low -= room;
            high += room;
        }
        double step = niceStep((high - low) / parts);
        long first = (long) Math.floor(low / step + 1e-9);
        long last = (long) Math.ceil(high / step - 1e-9);
        List<Double> ticks = new ArrayList<>();
        for (long i = first; i <= last; i++) {
            ticks.add(i * step);
        }
        int digits = (int) Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
        DoubleFunction<String> label = digits > 4 || Math.max(-low, high) >= 100_000
                ? Numbers::compact
                : value -> Numbers.fixed(value, digits);
        return new Axis(first * step, last * step, false, ticks, label);
    }

    private static Axis steps(double low, double high) {
        Axis wide = linear(low, high, 8);
        List<Double> inside = wide.ticks.stream()
                .filter(tick -> tick >= low && tick <= high && tick == Math.rint(tick))
                .toList();
        DoubleFunction<String> label = high >= 100_000 ? Numbers::compact : step -> Numbers.fixed(step, 0);
        return low == high
                ? new Axis(wide.low, wide.high, false, List.of(low), label)
                : new Axis(low, high, false, thinned(inside, 5), label);
    }

    /** The smallest of 1, 2, 5 times a power of ten that is not below {@code size}. */
    private static double niceStep(double size) {
        double unit = Math.pow(10, Math.floor(Math.log10(size)));
        for (double nice : new double[] {1, 2, 5}) {
            if (nice * unit >= size * (1 - 1e-9)) {
                return nice * unit;
            }
        }
        return 10 * unit;
    }

    private static Axis byRatio(double low, double high, double[] steps, double base, DoubleFunction<String> label) {
        if (low == high) {
            low /= base;
            high *= base;
        }
        List<Double> ticks = new ArrayList<>();
        int first = (int) Math.floor(Math.log(low) / Math.log(base));
        for (int power = first; Math.pow(base, power) <= high; power++) {
            for (double step : steps) {
                double tick = step * Math.pow(base, power);
                if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) {
                    ticks.add(tick);
                }
            }
        }
        return new Axis(low, high, true, thinned(ticks, MOST_TICKS), label);
    }

    /** Every second (third, …) tick, counted from the last, so that labels do not touch. */
    private static List<Double> thinned(List<Double> ticks, int most) {
        int every = Math.max(1, (ticks.size() + most - 1) / most);
        List<Double> kept = new ArrayList<>();
        for (int i = Math.max(0, ticks.size() - 1) % every; i < ticks.size(); i += every) {
            kept.add(ticks.get(i));
        }
        return kept;
    }
}
