package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Where a sequence is cut into shards, neighbouring tokens that one rank each holds.
 *
 * @param length tokens N of the whole sequence
 * @param starts position of each shard's first token, in order, from 0 on
 */
public record SequenceShards(long length, List<Long> starts) {
    /** The largest shard is at most this much larger than the mean, unless the sequence is shorter than 16 tokens a rank. */
    private static final int IMBALANCE = 16;

    public SequenceShards {
        starts = List.copyOf(starts);
        requireArgument(
                ascending(length, starts),
                "shards start at 0 and end before %d, one after another, not %s",
                length,
                starts);
    }

    /**
     * As equal shards as there are when they begin where segments do: at multiples of the largest number that keeps the
     * largest shard below 17/16 of the mean, be it a segment, a common multiple of segments, or one of segments and the
     * ratios of longer branches. Cuts come first at which the rows of every shard are kept as those from position 0 on are,
     * so that every kernel can compute them. Where N/P is a multiple of the short segments every shard has N/P tokens.
     *
     * @param length tokens N
     * @param ranks P ≤ N
     */
    public static SequenceShards of(DilationPattern pattern, long length, int ranks) {
        requireArgument(ranks > 0, "a sequence is cut over 1 rank or more, not %d", ranks);
        requireArgument(
                ranks <= length,
                "%d tokens cannot be cut over %d ranks, as every rank needs a token; use at most %d ranks or longer"
                        + " sequences",
                length,
                ranks,
                length);
        SequenceShards best = null;
        for (long unit : units(pattern, length)) {
            List<Long> starts = new ArrayList<>();
            for (int i = 0; i < ranks; i++) {
                starts.add((2 * i * length + ranks * unit) / (2 * ranks * unit) * unit); // i N/P, rounded
            }
            if (unit > 1 && !balanced(length, starts)) {
                continue;
            }
            SequenceShards shards = new SequenceShards(length, starts);
            if (shards.lookAsFromZero(pattern)) {
                return shards;
            }
            best = best == null ? shards : best;
        }
        return best;
    }

    /** What cuts may be multiples of, largest first; the last is 1. */
    private static SortedSet<Long> units(DilationPattern pattern, long length) {
        SortedSet<Long> units = new TreeSet<>(Collections.reverseOrder());
        units.add(1L);
        List<Branch> branches = pattern.branches().stream()
                .sorted(Comparator.comparingLong(Branch::segment))
                .toList();
        long segments = 1;
        for (int i = 0; i <= branches.size(); i++) {
            long withRatios = segments;
            for (Branch longer : branches.subList(i, branches.size())) {
                withRatios = commonMultiple(withRatios, longer.ratio(), length);
            }
            units.add(segments);
            units.add(withRatios);
            if (i < branches.size()) {
                units.add(branches.get(i).segment());
                segments = commonMultiple(segments, branches.get(i).segment(), length);
            }
        }
        units.removeIf(unit -> unit > length);
        return units;
    }

    /** The least common multiple, or more than {@code most} where it is. */
    private static long commonMultiple(long a, long b, long most) {
        if (a > most || b > most) {
            return most + 1;
        }
        long divisor = a, rest = b;
        while (rest > 0) {
            long next = divisor % rest;
            divisor = rest;
            rest = next;
        }
        return a / divisor > most / b ? most + 1 : a / divisor * b;
    }

    private static boolean balanced(long length, List<Long> starts) {
        if (!ascending(length, starts)) {
            return false;
        }
        long largest = length - starts.get(starts.size() - 1);
        for (int i = 1; i < starts.size(); i++) {
            largest = Math.max(largest, starts.get(i) - starts.get(i - 1));
        }
        return IMBALANCE * largest * starts.size() <= (IMBALANCE + 1) * length;
    }

    private static boolean ascending(long length, List<Long> starts) {
        boolean ascending = !starts.isEmpty() && starts.get(0) == 0 && starts.get(starts.size() - 1) < length;
        for (int i = 1; i < starts.size(); i++) {
            ascending &= starts.get(i - 1) < starts.get(i);
        }
        return ascending;
    }

    private boolean lookAsFromZero(DilationPattern pattern) {
        for (int rank = 0; rank < size(); rank++) {
            for (Branch branch : pattern.branches()) {
                if (!branch.looksAsFromZero(start(rank), count(rank))) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Number of shards P. */
    public int size() {
        return starts.size();
    }

    /** Position of the first token of this rank's shard. */
    public long start(int rank) {
        return starts.get(rank);
    }

    /** Position after the last token of this rank's shard. */
    public long end(int rank) {
        return rank + 1 < size() ? start(rank + 1) : length;
    }

    /** Tokens of this rank's shard. */
    public long count(int rank) {
        return end(rank) - start(rank);
    }

    /** Where the tokens of this rank's shard stand in the sequence. */
    public Stretch stretch(int rank) {
        return new Stretch(start(rank), length);
    }
}
