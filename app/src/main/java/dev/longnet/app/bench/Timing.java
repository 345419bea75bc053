package dev.longnet.app.bench;

import dev.longnet.ranks.RankGroup;
import java.util.Arrays;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * What running a workload costs.
 *
 * @param milliseconds median time of one run
 * @param peakBytes most memory in use during a run beyond what the process held before the set-up, so inputs and weights
 *     count; of several ranks that of the largest; null where it cannot be had
 * @param sentBytes bytes that the rank that sends most sends in one run; null for one rank
 */
record Timing(double milliseconds, Long peakBytes, Long sentBytes) {
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
        return of(setUp, device, repeats, RankGroup.ALONE, () -> 0);
    }

    /**
     * The same of work that ranks do together: a run begins when all are ready and ends when the last is done.
     *
     * @param sentSoFar bytes that this rank has sent
     */
    static Timing of(Supplier<Workload> setUp, String device, int repeats, RankGroup ranks, LongSupplier sentSoFar) {
        try (Workload warmUp = setUp.get()) {
            warmUp.run();
        }
        PeakMemory memory = PeakMemory.of(device);
        try (Workload workload = setUp.get()) {
            memory.restart();
            long sent = sentSoFar.getAsLong();
            double watched = time(workload, 1, ranks);
            sent = sentSoFar.getAsLong() - sent;
            Long peak = memory.peak();
            int row = device.startsWith("cuda") && watched <= LONG_MILLISECONDS ? ROW : 1;
            double[] milliseconds = new double[repeats];
            for (int i = 0; i < repeats; i++) {
                milliseconds[i] = time(workload, row, ranks) / row;
            }
            Long most = peak == null ? null : most(peak, ranks);
            return new Timing(median(milliseconds), most, ranks.size() == 1 ? null : most(sent, ranks));
        }
    }

    /** Milliseconds of some runs in a row, of the slowest rank. */
    private static double time(Workload workload, int row, RankGroup ranks) {
        ranks.barrier();
        long begin = System.nanoTime();
        for (int j = 1; j < row; j++) {
            workload.start();
        }
        workload.run();
        return most(System.nanoTime() - begin, ranks) / 1e6;
    }

    private static long most(long number, RankGroup ranks) {
        return Arrays.stream(ranks.allGather(number))
                .mapToLong(all -> all[0])
                .max()
                .orElseThrow();
    }

    static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
