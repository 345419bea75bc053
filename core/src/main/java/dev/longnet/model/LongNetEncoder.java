package dev.longnet.model;

import dev.longnet.attention.Stretch;
import org.bytedeco.pytorch.Tensor;

/** Features of every token from both sides: the LongNet encoder, as published slide and image models use it. */
public final class LongNetEncoder extends LongNet {
    /** Random weights from libtorch's generator; {@link dev.longnet.tensor.Compute#seed} makes them repeatable. */
    public LongNetEncoder(LongNetConfig config) {
        super("LongNetEncoder", config);
    }

    /**
     * Features (B, N, E) of tokens (B, N).
     *
     * @param lengths tokens of each example, or null when all are full
     */
    public Tensor forward(Tensor tokens, long... lengths) {
        long[] ends = lengths == null || lengths.length == 0 ? null : lengths;
        return features(tokens, ends, Stretch.whole(tokens.size(1)), Execution.PLAIN);
    }
}
