package dev.longnet.app.bench;

import java.util.Arrays;
import java.util.function.Supplier;

/**
 * What running a workload costs.
 *
 * @param milliseconds median time of one run
 * @param peakBytes most memory in use during a run beyond what the process held before the set-up, so inputs and weights
 *     count; null where it cannot be had
 */
record Timing(double milliseconds, Long peakBytes) {
    /** Runs that a GPU is given at once for one time: so it never waits for Java, as in a model's step. */
    private static final int ROW = 10;

    /** A run from which on that makes no difference. */
    private static final double LONG_MILLISECONDS = 1000;

    /**
     * Measures after a warm-up of one set-up and run, and another run whose memory is watched.
     *
     * @param device where the workload runs, by name
     * @param repeats timed runs, on a GPU rows of runs
     */
    static Timing of(Supplier<Workload> setUp, String device, int repeats) {
        try (Workload warmUp = setUp.get()) {
            warmUp.run();
        }
        PeakMemory memory = PeakMemory.of(device);
        try (Workload workload = setUp.get()) {
            memory.restart();
            long watched = System.nanoTime();
            workload.run();
            boolean isLong = (System.nanoTime() - watched) / 1e6 > LONG_MILLISECONDS;
            Long peak = memory.peak();
            int row = device.startsWith("cuda") && !isLong ? ROW : 1;
            double[] milliseconds = new double[repeats];
            for (int i = 0; i < repeats; i++) {
                long begin = System.nanoTime();
                for (int j = 1; j < row; j++) {
                    workload.start();
                }
                workload.run();
                milliseconds[i] = (System.nanoTime() - begin) / 1e6 / row;
            }
            return new Timing(median(milliseconds), peak);
        }
    }

    static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
