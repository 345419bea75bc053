package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.DilationPattern;

/**
 * What dilated attention computes, apart from its inputs.
 *
 * @param pattern the branches; their softmaxes are merged by log-sum-exp
 * @param causal whether a query sees only keys at or before its own position
 * @param scale factor on q·k, 1/√D in the paper
 * @param lengths tokens of each example in the batch, or null when all of them are full; an example is computed as if it
 *     ended there, and its rows past the end are 0 with lse −∞
 * @param damping makes scores fade with distance as {@link Rotary} says, Σ_d q_id k_jd ζ_d^((i−j)/c), or null; the
 *     kernel never forms a factor that overflows
 * @param start position of the first row, from which segments are counted on; lengths are counted from the first row
 */
public record AttentionSpec(
        DilationPattern pattern, boolean causal, double scale, long[] lengths, Rotary damping, long start) {
    public AttentionSpec {
        requireArgument(pattern != null, "attention needs a pattern, such as 2048:1,4096:2");
        lengths = lengths == null ? null : lengths.clone();
        requireArgument(Double.isFinite(scale), "attention scale must be finite, got %s", scale);
        requireArgument(damping == null || causal, "damped scores grow towards the future; they need causal attention");
        requireArgument(start >= 0, "attention cannot start at position %d", start);
    }

    /** All examples full and the scale 1/√D. */
    public static AttentionSpec of(DilationPattern pattern, boolean causal, long headDim) {
        return new AttentionSpec(pattern, causal, 1 / Math.sqrt(headDim), null, null, 0);
    }

    public AttentionSpec withLengths(long... lengths) {
        return new AttentionSpec(pattern, causal, scale, lengths, damping, start);
    }

    public AttentionSpec withDamping(Rotary damping) {
        return new AttentionSpec(pattern, causal, scale, lengths, damping, start);
    }

    AttentionSpec withPattern(DilationPattern pattern) {
        return new AttentionSpec(pattern, causal, scale, lengths, damping, start);
    }

    /** The same for rows that stand from this position on. */
    public AttentionSpec withStart(long start) {
        return new AttentionSpec(pattern, causal, scale, lengths, damping, start);
    }

    /** The same for {@code length} rows, counted from position 0 where segments and kept rows look the same from there. */
    AttentionSpec simplest(long length) {
        return pattern.branches().stream().allMatch(branch -> branch.looksAsFromZero(start, length))
                ? withStart(0)
                : this;
    }

    /** Whether some example is shorter than the batch's N. */
    boolean ragged(long length) {
        if (lengths != null) {
            for (long l : lengths) {
                if (l < length) {
                    return true;
                }
            }
        }
        return false;
    }
}
