package dev.longnet.app.report;

import java.util.Arrays;

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
        if (x.length != y.length) {
            throw new IllegalArgumentException("a series has " + x.length + " x but " + y.length + " y");
        }
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

    /** The same curve with the lowest and the highest point of each stretch, where there are too many points. */
    Series thinned() {
        if (x.length <= MOST_POINTS) {
            return this;
        }
        int stretches = MOST_POINTS / 2;
        int[] kept = new int[2 * stretches];
        for (int i = 0; i < stretches; i++) {
            int low = (int) ((long) i * x.length / stretches);
            int high = low;
            for (int k = low; k < (int) ((i + 1L) * x.length / stretches); k++) {
                low = y[k] < y[low] ? k : low;
                high = y[k] > y[high] ? k : high;
            }
            kept[2 * i] = Math.min(low, high);
            kept[2 * i + 1] = Math.max(low, high);
        }
        double[] keptX = Arrays.stream(kept).mapToDouble(k -> x[k]).toArray();
        double[] keptY = Arrays.stream(kept).mapToDouble(k -> y[k]).toArray();
        return new Series(name, colour, faint, keptX, keptY);
    }
}
