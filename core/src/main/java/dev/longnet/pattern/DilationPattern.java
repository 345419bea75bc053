package dev.longnet.pattern;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.InvalidArgumentException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * The branches of dilated attention, merged by their softmax denominators (arXiv 2307.02486, section 2.2).
 *
 * <p>A query attends to a key once for every branch that shows it: where C counts those branches, {@code out_i = Σ_j
 * C_ij exp(s_ij) v_j / Σ_j C_ij exp(s_ij)}. Branches may come in any order, need not nest and may repeat. The pattern
 * {@code 4:1,8:2} with two heads over eight tokens, causal, a row a query and a column a key:
 *
 * <pre>
 *  branch 4:1        branch 8:2, head 0   branch 8:2, head 1   both, head 0
 *  (both heads)      keeps 0 2 4 6        keeps 1 3 5 7        (C, a dot is 0)
 *
 *  1 . . . . . . .   1 . . . . . . .      . . . . . . . .      2 . . . . . . .
 *  1 1 . . . . . .   . . . . . . . .      . 1 . . . . . .      1 1 . . . . . .
 *  1 1 1 . . . . .   1 . 1 . . . . .      . . . . . . . .      2 1 2 . . . . .
 *  1 1 1 1 . . . .   . . . . . . . .      . 1 . 1 . . . .      1 1 1 1 . . . .
 *  . . . . 1 . . .   1 . 1 . 1 . . .      . . . . . . . .      1 . 1 . 2 . . .
 *  . . . . 1 1 . .   . . . . . . . .      . 1 . 1 . 1 . .      . . . . 1 1 . .
 *  . . . . 1 1 1 .   1 . 1 . 1 . 1 .      . . . . . . . .      1 . 1 . 2 1 2 .
 *  . . . . 1 1 1 1   . . . . . . . .      . 1 . 1 . 1 . 1      . . . . 1 1 1 1
 * </pre>
 *
 * <p>Costs are closed forms over segments, not loops over tokens, and exact for every length, the short last segment
 * included. They are doubles: whole numbers up to 2^53, rounded beyond, and never overflowing.
 *
 * <p>A pattern may grow with the text, written {@code 2k:1,8k:4...}: branch after branch goes on as the last two do, and a
 * query from position w on, the segment before, sees the next one, too. So what a token sees does not depend on how long the
 * text becomes, and a text of up to the longest segment given is as if nothing grew.
 *
 * @param branches at least one branch
 * @param grows whether branches follow; then segment and ratio of the last are one whole multiple of those before it
 */
public record DilationPattern(List<Branch> branches, boolean grows) {
    /** What a pattern that grows ends in. */
    static final String GROWS = "...";

    /** The paper's language model (section 4.1): w = 2048 … 32768, r = 1, 2, 4, 6, 12. */
    public static final DilationPattern PAPER = parse("2048:1,4096:2,8192:4,16384:6,32768:12");

    /** Longest sequence, in tokens, whose pairs {@link #reach} tries one by one. */
    static final int LONGEST_REACH = 1 << 14;

    /** Longest sequence, in tokens, that {@link #hops} searches. */
    static final int LONGEST_SEARCH = 1 << 24;

    /** Work of the backward pass in units of the forward pass: five matrix products instead of two. */
    private static final double BACKWARD = 2.5;

    /** Last position that is counted exactly, 2^40. */
    private static final long LAST_POSITION = 1L << 40;

    public DilationPattern {
        branches = List.copyOf(branches);
        requireArgument(!branches.isEmpty(), "a pattern needs at least one branch, such as 2048:1");
        if (grows) {
            int last = branches.size() - 1;
            long w = branches.get(last).segment(), r = branches.get(last).ratio();
            long before = last == 0 ? 0 : branches.get(last - 1).segment(),
                    ratio = last == 0 ? 0 : branches.get(last - 1).ratio();
            requireArgument(
                    last > 0 && w > before && w % before == 0 && r % ratio == 0 && w / before == r / ratio,
                    "a pattern that grows ends in two branches of which segment and ratio grow by one whole factor, such as"
                            + " 2k:1,8k:4..., not in %s",
                    branches.subList(Math.max(0, last - 1), last + 1));
        }
    }

    /** A pattern that does not grow. */
    public DilationPattern(List<Branch> branches) {
        this(branches, false);
    }

    /** The branches that queries at a position see; the same from there to {@link #changesAfter}. */
    public DilationPattern at(long position) {
        return grows ? new DilationPattern(grown(position)) : this;
    }

    /** The first position after this one from which on queries see more branches; Long.MAX_VALUE for none. */
    public long changesAfter(long position) {
        if (!grows) {
            return Long.MAX_VALUE;
        }
        List<Branch> there = grown(position);
        return there.get(there.size() - 1).segment();
    }

    /** All branches that queries at any position that can be counted see. */
    public DilationPattern whole() {
        return at(LAST_POSITION);
    }

    private List<Branch> grown(long position) {
        List<Branch> all = new ArrayList<>(branches);
        Branch last = all.get(all.size() - 1);
        long factor = last.segment() / all.get(all.size() - 2).segment();
        while (last.segment() <= position && last.ratio() <= Integer.MAX_VALUE / factor) {
            last = new Branch(last.segment() * factor, (int) (last.ratio() * factor));
            all.add(last);
        }
        return all;
    }

    /**
     * Reads {@code "2048:1,4096:2"} or {@code "2048:1,4096:2..."}, the form that {@link #toString} writes.
     *
     * @param text branches segment:ratio joined by commas; numbers take the suffixes k (1024), m (1024²) and g (1024³)
     * @throws IllegalArgumentException naming the part that is malformed
     */
    public static DilationPattern parse(String text) {
        PatternReader reader = new PatternReader(text);
        return new DilationPattern(reader.branches(), reader.grows());
    }

    /**
     * Segments and ratios that both grow by one factor: branch i is (w·αⁱ, αⁱ), the paper's choice (section 2.2).
     *
     * @param firstSegment segment length w of the first branch in tokens; its ratio is 1
     * @param factor growth α from one branch to the next, at least 2
     * @param branches number of branches
     */
    public static DilationPattern geometric(long firstSegment, int factor, int branches) {
        return geometric(firstSegment, 1, factor, branches);
    }

    /** As {@link #geometric(long, int, int)}, with branch i at (w·αⁱ, firstRatio·αⁱ). */
    public static DilationPattern geometric(long firstSegment, int firstRatio, int factor, int branches) {
        requireArgument(factor > 1, "the growth factor of a geometric pattern must be 2 or more, got %d", factor);
        requireArgument(branches > 0, "a geometric pattern needs at least one branch, got %d", branches);
        List<Branch> grown = new ArrayList<>();
        try {
            Branch branch = new Branch(firstSegment, firstRatio);
            grown.add(branch);
            while (grown.size() < branches) {
                branch = new Branch(
                        Math.multiplyExact(branch.segment(), factor), Math.multiplyExact(branch.ratio(), factor));
                grown.add(branch);
            }
        } catch (ArithmeticException e) {
            throw new InvalidArgumentException(
                    e,
                    "%d branches that start at %d:%d and grow by %d are too large to count; use %d or fewer",
                    branches,
                    firstSegment,
                    firstRatio,
                    factor,
                    grown.size());
        }
        return new DilationPattern(grown);
    }

    /** Ordinary attention over blocks of {@code length} tokens: one branch with ratio 1. */
    public static DilationPattern dense(long length) {
        return new DilationPattern(List.of(new Branch(length, 1)));
    }

    /** The largest segment length in tokens; no token sees farther in one layer. */
    public long longestSegment() {
        return branches.stream().mapToLong(Branch::segment).max().orElseThrow();
    }

    /**
     * The length of blocks from the sequence's start on that no segment crosses: the longest segment where it is a multiple
     * of every other; Long.MAX_VALUE, one block of everything, otherwise.
     */
    public long enclosingBlock() {
        long longest = longestSegment();
        return branches.stream().allMatch(branch -> longest % branch.segment() == 0) ? longest : Long.MAX_VALUE;
    }

    /**
     * Number of branches in which the head shows the key to the query, C in the definition.
     *
     * @param query position of the query, 0 ≤ query < length
     * @param key position of the key, 0 ≤ key < length
     * @param head the query head, 0 ≤ head < heads
     * @param heads number of query heads H
     * @param length sequence length N in tokens
     * @param causal whether a query sees no key after it
     */
    public int count(long query, long key, int head, int heads, long length, boolean causal) {
        checkPosition("query", query, length);
        checkPosition("key", key, length);
        checkHead(head, heads);
        int count = 0;
        for (Branch branch : branches) {
            count += branch.sees(query, key, head, heads, causal) ? 1 : 0;
        }
        return count;
    }

    /** Whether the head keeps the position in some branch; elsewhere its output is 0. */
    public boolean covers(long position, int head, int heads) {
        checkHead(head, heads);
        return branches.stream().anyMatch(branch -> branch.covers(position, head, heads));
    }

    /** Number of (query, key) pairs over all heads, a pair counting once for every branch that shows it. */
    public double visiblePairs(long length, int heads, boolean causal) {
        checkLength(length, heads);
        return sum(branch -> branch.visiblePairs(length, heads, causal));
    }

    /**
     * Floating-point operations of attention over one sequence: 4·D a visible pair, of which 2·D each for q·k and p·v.
     *
     * @param headDim head dimension D
     * @param withBackward whether to add the backward pass, 2.5 times the forward pass
     */
    public double flops(long length, int heads, int headDim, boolean causal, boolean withBackward) {
        return work(visiblePairs(length, heads, causal), headDim, withBackward);
    }

    /**
     * {@link #flops} by the field's convention, to compare published numbers: 4·H·D·N·Σ w/r² (twice eq. 17 of the
     * paper, which counts a multiplication and an addition as one), and half of it when causal; w is at most N.
     */
    public double nominalFlops(long length, int heads, int headDim, boolean causal, boolean withBackward) {
        checkLength(length, heads);
        double keysPerQuery =
                sum(branch -> (double) Math.min(branch.segment(), length) / branch.ratio() / branch.ratio());
        return work((causal ? 0.5 : 1) * heads * length * keysPerQuery, headDim, withBackward);
    }

    private static double work(double pairs, int headDim, boolean withBackward) {
        requireArgument(headDim > 0, "the head dimension must be positive, got %d", headDim);
        return 4.0 * headDim * pairs * (withBackward ? 1 + BACKWARD : 1);
    }

    /**
     * Bytes of memory traffic of the forward pass, every branch reading its kept rows of q, k and v and writing those
     * of its output once; as many key/value heads as query heads.
     *
     * @param bytesPerNumber 4 for float32, 2 for bfloat16
     */
    public double bytes(long length, int heads, int headDim, int bytesPerNumber) {
        checkLength(length, heads);
        return 4.0 * headDim * bytesPerNumber * sum(branch -> branch.keptRowsOfAll(heads, length));
    }

    /** Key rows that generation keeps for one head and layer at most, Σ ⌈w/r⌉, however long the text. */
    public long cacheRows() {
        return branches.stream()
                .mapToLong(branch -> (branch.segment() - 1) / branch.ratio() + 1)
                .reduce(0, Math::addExact);
    }

    /** Key rows that generation keeps for this head: those of one segment a branch at the head's own offset. */
    public long cacheRows(int head, int heads) {
        checkHead(head, heads);
        return branches.stream()
                .mapToLong(branch -> branch.keptRows(head, heads, branch.segment()))
                .reduce(0, Math::addExact);
    }

    /**
     * Smallest number of attention layers that carry information from one token to another, an edge being seen by any
     * head; 0 from a token to itself, −1 where no number of layers is enough (causal: also from later to earlier).
     *
     * @param length sequence length N, up to 2^24 tokens
     */
    public int hops(long from, long to, long length, int heads, boolean causal) {
        return path(from, to, length, heads, causal).length - 1;
    }

    /**
     * The tokens along one of the shortest ways that {@link #hops} counts, both ends included; empty where there is none.
     *
     * @param length sequence length N, up to 2^24 tokens
     */
    public long[] path(long from, long to, long length, int heads, boolean causal) {
        checkLength(length, heads);
        checkPosition("from", from, length);
        checkPosition("to", to, length);
        requireArgument(
                length <= LONGEST_SEARCH, "paths are searched up to %d tokens, got length %d", LONGEST_SEARCH, length);
        return new PathSearch(this, (int) length, heads, causal).path((int) from, (int) to);
    }

    /**
     * Largest number of attention layers that any token needs to reach another it can reach, {@link
     * Reach#longestPath}; for long sequences the paper estimates log_α(N(α − 1)/w₀) (eq. 19–20), w₀ the first segment
     * and α the growth of the segments.
     */
    public int longestPath(long length, int heads, boolean causal) {
        return reach(length, heads, causal).longestPath();
    }

    /**
     * Searches the paths between all pairs of tokens. Not every pair has one: nothing crosses the border of the longest
     * segment, and a causal path cannot step back to change its residue.
     *
     * @param length sequence length N, up to 16 384 tokens
     */
    public Reach reach(long length, int heads, boolean causal) {
        checkLength(length, heads);
        requireArgument(
                length <= LONGEST_REACH,
                "all pairs are searched up to %d tokens, got length %d; use hops for single pairs",
                LONGEST_REACH,
                length);
        return new PathSearch(this, (int) length, heads, causal).reach();
    }

    private double sum(ToDoubleFunction<Branch> cost) {
        return branches.stream().mapToDouble(cost).sum();
    }

    private static void checkLength(long length, int heads) {
        requireArgument(length > 0, "the length must be positive, got %d", length);
        requireArgument(heads > 0, "the number of heads must be positive, got %d", heads);
    }

    private static void checkPosition(String name, long position, long length) {
        requireArgument(0 <= position && position < length, "%s must be in [0, %d), got %d", name, length, position);
    }

    private static void checkHead(int head, int heads) {
        requireArgument(0 <= head && head < heads, "head must be in [0, %d), got %d", heads, head);
    }

    @Override
    public String toString() {
        return branches.stream().map(Branch::toString).collect(Collectors.joining(",", "", grows ? GROWS : ""));
    }
}
