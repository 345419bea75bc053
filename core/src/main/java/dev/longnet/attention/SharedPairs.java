package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Which branch computes the pairs of rows that several branches have, so that each is computed once.
 *
 * <p>Where a head keeps in branch j only rows that it keeps in branch i, and every segment of j is made of whole segments
 * of i, the pairs within a segment of i are pairs of both. Then j can leave them to i: they are its inner segments. i
 * counts such a pair as often as there are branches that have it. With the paper's pattern and 12 heads a fifth of the
 * pairs goes.
 *
 * <p>A kernel knows how often a pair counts by the rows' places modulo a period, 8 × {@link #cycle}, which has to fit all
 * ratios between a branch and those that leave pairs to it.
 */
public final class SharedPairs {
    /** What the kernels are compiled for, besides 0 where no branch leaves pairs to another. */
    private static final List<Integer> CYCLES = List.of(2, 3);

    /** The kernels count rows beyond a segment's end in 32 bits. */
    private static final int MOST_RATIO = 1 << 20;

    private static volatile SharedPairs last;

    private final DilationPattern pattern;
    private final List<Branch> branches;
    private final long length;
    private final int heads;
    private final int cycle;
    private final int base;
    private final int[][] above;
    private final int[][] below;

    /** Of a pattern over sequences of {@code length} tokens; the last answer is kept. */
    public static SharedPairs of(DilationPattern pattern, long length, int heads) {
        SharedPairs kept = last;
        if (kept == null || kept.length != length || kept.heads != heads || !kept.pattern.equals(pattern)) {
            kept = CYCLES.stream()
                    .map(cycle -> new SharedPairs(pattern, length, heads, cycle))
                    .max(Comparator.comparingDouble(SharedPairs::spared))
                    .filter(pairs -> pairs.spared() > 0)
                    .orElseGet(() -> new SharedPairs(pattern, length, heads, 0));
            last = kept;
        }
        return kept;
    }

    private SharedPairs(DilationPattern pattern, long length, int heads, int cycle) {
        this.pattern = pattern;
        this.length = length;
        this.heads = heads;
        this.cycle = cycle;
        branches = pattern.branches();
        int[] order = IntStream.range(0, branches.size())
                .boxed()
                .sorted(Comparator.comparingLong(this::segment)
                        .thenComparingInt(i -> branches.get(i).ratio()))
                .mapToInt(Integer::intValue)
                .toArray();
        base = IntStream.of(order)
                .filter(i -> branches.get(i).ratio() == 1)
                .findFirst()
                .orElse(-1);
        above = new int[heads][branches.size()];
        below = new int[heads][branches.size()];
        for (int h = 0; h < heads; h++) {
            for (int place = 0; place < order.length; place++) {
                int j = order[place];
                above[h][j] = -1;
                for (int before = place - 1; cycle > 0 && before >= 0 && above[h][j] < 0; before--) {
                    above[h][j] = takes(order[before], j, h) ? order[before] : -1;
                }
                for (int i = above[h][j]; i >= 0; i = above[h][i]) {
                    below[h][i] |= 1 << j;
                }
            }
        }
    }

    /** The shortest branch that keeps every row, which leaves no pairs to others; -1 without one. */
    int base() {
        return base;
    }

    /** How many groups of eight rows it takes until the branches repeat; 0 where no pairs are left to others. */
    int cycle() {
        return cycle;
    }

    /** Tokens of the segments in which a branch leaves its pairs to another, 0 where it leaves none. */
    public long inner(int branch, int head) {
        return above[head][branch] < 0 ? 0 : segment(above[head][branch]);
    }

    /** The branches whose pairs this one computes too, a bit each. */
    int below(int branch, int head) {
        return below[head][branch];
    }

    /** Whether branch i, which comes before j, can compute the pairs of branch j within its segments. */
    private boolean takes(int i, int j, int head) {
        Branch a = branches.get(i), b = branches.get(j);
        boolean rows = b.ratio() % a.ratio() == 0
                && b.offset(head, heads) % a.ratio() == a.offset(head, heads)
                && (a.segment() >= length || a.segment() % a.ratio() == 0);
        boolean segments = b.segment() >= length || b.segment() % a.segment() == 0;
        if (!rows || !segments || segment(i) < b.ratio() || b.ratio() > MOST_RATIO) {
            return false;
        }
        for (int k = i; k >= 0; k = above[head][k]) {
            if (8 * cycle % (b.ratio() / branches.get(k).ratio()) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Pairs that are not computed again, to a factor. */
    private double spared() {
        double spared = 0;
        for (int h = 0; h < heads; h++) {
            for (int j = 0; j < branches.size(); j++) {
                double ratio = branches.get(j).ratio();
                spared += inner(j, h) / (ratio * ratio);
            }
        }
        return spared;
    }

    private long segment(int branch) {
        return Math.min(branches.get(branch).segment(), length);
    }
}
