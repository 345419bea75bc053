package dev.longnet.pattern;

import static dev.longnet.Checks.requireArgument;

/**
 * One branch of dilated attention: the sequence is cut into segments of {@code segment} tokens and in each of them a
 * head keeps every {@code ratio}-th position (w and r in the paper, arXiv 2307.02486, section 2.2).
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
        return (heads + ratio - 1) / ratio;
    }

    @Override
    public String toString() {
        return segment + ":" + ratio;
    }
}
