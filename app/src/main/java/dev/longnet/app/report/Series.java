package dev.longnet.app.report;

import static dev.longnet.Checks.requireArgument;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * One line of a chart.
 *
 * @param name what the legend calls it
 * @param colour number of its colour, from 0; series that belong together share one
 * @param faint whether it stands in the background, without a place in the legend
 * @param x values in ascending order
 * @param y values, one for each x; a gap where one is not finite
 */
record Series(String name, int colour, boolean faint, double[] x, double[] y) {
    /** A line of more points than this is drawn thinner than a screen can tell. */
    private static final int MOST_POINTS = 600;

    Series {
        requireArgument(x.length == y.length, "a series has %d x but %d y", x.length, y.length);
    }

    Series(String name, int colour, double[] x, double[] y) {
        this(name, colour, false, x, y);
    }

    Series inBackground() {
        return new Series(name, colour, true, x, y);
    }

    /** The mean over a window of a fortieth of the points around each. */
    Series smoothed() {
        int reach = Math.max(1, x.length / 80);
        double[] mean = new double[y.length];
        for (int i = 0; i < y.length; i++) {
            // A window cut off at the ends stays symmetric, or a falling curve would bend there.
            int here = Math.min(reach, Math.min(i, y.length - 1 - i));
            mean[i] = Arrays.stream(y, i - here, i + here + 1)
                    .filter(Double::isFinite)
                    .average()
                    .orElse(Double.NaN);
        }
        return new Series(name, colour, faint, x, mean);
    }

    /** The same curve with its ends and the lowest and highest point of each stretch, where it has too many. */
    Series thinned() {
        if (x.length <= MOST_POINTS) {
            return this;
        }
        IntStream.Builder kept = IntStream.builder().add(0);
        int stretches = MOST_POINTS / 2 - 1;
        int inner = x.length - 2;
        for (int i = 0; i < stretches; i++) {
            int start = 1 + (int) ((long) i * inner / stretches);
            int end = 1 + (int) ((i + 1L) * inner / stretches);
            int low = start;
            int high = start;
            for (int k = start; k < end; k++) {
                low = y[k] < y[low] || Double.isNaN(y[low]) ? k : low;
                high = y[k] > y[high] || Double.isNaN(y[high]) ? k : high;
            }
            kept.add(Math.min(low, high)).add(Math.max(low, high));
        }
        int[] points = kept.add(x.length - 1).build().toArray();
        return new Series(
                name,
                colour,
                faint,
                Arrays.stream(points).mapToDouble(k -> x[k]).toArray(),
                Arrays.stream(points).mapToDouble(k -> y[k]).toArray());
    }
}
