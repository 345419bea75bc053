package dev.longnet.pattern;

import static dev.longnet.Checks.requireArgument;

/**
 * One branch of dilated attention: the sequence is cut into segments of {@code segment} tokens and in each of them a
 * head keeps every {@code ratio}-th position (w and r in the paper, arXiv 2307.02486, section 2.2).
 *
 * <p>The last segment may be short, and a sequence shorter than w is one segment. The ratio need divide neither the
 * segment nor the number of heads. With more ratio than heads some positions are kept by no head.
 *
 * @param segment segment length w in tokens
 * @param ratio dilation ratio r, the distance in tokens between neighbouring kept positions
 */
public record Branch(long segment, int ratio) {
    public Branch {
        requireArgument(segment > 0, "segment length must be positive, got %d", segment);
        requireArgument(ratio > 0, "dilation ratio must be positive, got %d", ratio);
        requireArgument(
                ratio <= segment,
                "dilation ratio %d is larger than its segment %d, so some heads would see nothing; use a ratio up to %d",
                ratio,
                segment,
                segment);
    }

    /**
     * The place in each segment, counted modulo the ratio, that a head keeps: contiguous groups of ⌈H/r⌉ heads share
     * one, as in every published weight.
     *
     * @param head the head, 0 ≤ head < heads
     * @param heads number of query heads H
     */
    public int offset(int head, int heads) {
        return head / headsPerOffset(heads);
    }

    /** Number of neighbouring heads that keep the same positions, ⌈H/r⌉. */
    public int headsPerOffset(int heads) {
        return (int) (((long) heads + ratio - 1) / ratio);
    }

    /** Number of different offsets among the heads; they are 0, 1, … and at most r of them. */
    public int offsets(int heads) {
        return offset(heads - 1, heads) + 1;
    }

    /** Whether the head keeps the position: its place in its segment is ≡ offset (mod r). */
    public boolean covers(long position, int head, int heads) {
        return position % segment % ratio == offset(head, heads);
    }

    /**
     * Whether the query attends to the key in this branch: both kept, in one segment and, if causal, key ≤ query.
     *
     * @param query position of the query in tokens, from 0
     * @param key position of the key in tokens, from 0
     */
    public boolean sees(long query, long key, int head, int heads, boolean causal) {
        return (!causal || key <= query)
                && query / segment == key / segment
                && covers(query, head, heads)
                && covers(key, head, heads);
    }

    /** Number of positions of a sequence of {@code length} tokens that the head keeps. */
    public long keptRows(int head, int heads, long length) {
        return rows(offset(head, heads), length);
    }

    /**
     * Number of (query, key) pairs that attend to each other in this branch, summed over the heads. Exact up to 2^53,
     * rounded beyond; a double so that no length overflows it.
     *
     * @param length sequence length N in tokens
     */
    public double visiblePairs(long length, int heads, boolean causal) {
        double pairs = 0;
        for (int offset = 0; offset < offsets(heads); offset++) {
            double segments = length / segment;
            double inOne = segments * pairs(rowsBefore(segment, offset), causal)
                    + pairs(rowsBefore(length % segment, offset), causal);
            pairs += headsAt(offset, heads) * inOne;
        }
        return pairs;
    }

    /** Number of kept rows of a sequence of {@code length} tokens, summed over the heads. */
    double keptRowsOfAll(int heads, long length) {
        double rows = 0;
        for (int offset = 0; offset < offsets(heads); offset++) {
            rows += (double) headsAt(offset, heads) * rows(offset, length);
        }
        return rows;
    }

    /**
     * Whether rows from position {@code start} on are cut into segments and kept as rows from position 0 on are.
     *
     * @param length number of rows
     */
    public boolean looksAsFromZero(long start, long length) {
        long place = start % segment;
        return place == 0 || place % ratio == 0 && length <= segment - place;
    }

    /**
     * Whether some head may keep one of these rows; false only where none does.
     *
     * @param length number of rows from position {@code start} on
     */
    public boolean mayKeep(long start, long length, int heads) {
        long place = start % segment, inRatio = place % ratio;
        return inRatio < offsets(heads) || inRatio + length > ratio || place + length > segment;
    }

    /** Number of places offset, offset + r, offset + 2r, … of a segment that lie before the place. */
    public long rowsBefore(long place, int offset) {
        return (place - offset + ratio - 1) / ratio;
    }

    private long rows(int offset, long length) {
        return length / segment * rowsBefore(segment, offset) + rowsBefore(length % segment, offset);
    }

    /** Number of heads that keep this offset; the last group may be smaller. */
    private int headsAt(int offset, int heads) {
        int group = headsPerOffset(heads);
        return Math.min(group, heads - offset * group);
    }

    private static double pairs(long rows, boolean causal) {
        // Halve the even factor, so that nothing is rounded before the product is.
        double even = rows % 2 == 0 ? rows : rows + 1.0;
        double odd = rows % 2 == 0 ? rows + 1.0 : rows;
        return causal ? even / 2 * odd : (double) rows * rows;
    }

    @Override
    public String toString() {
        return segment + ":" + ratio;
    }
}
