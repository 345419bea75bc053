package dev.longnet.model;

import dev.longnet.attention.AttentionKernel;

/**
 * How a model is computed; nothing of it changes what is computed, but for rounding and dropout.
 *
 * @param kernel attention kernel
 * @param bfloat16 whether matrix products are taken in bfloat16 (weights, norms and the residual stream stay float32)
 * @param recompute whether a block's activations are computed again in the backward pass instead of kept
 * @param dropout whether the model's dropout is on, as in training
 */
public record Execution(AttentionKernel kernel, boolean bfloat16, boolean recompute, boolean dropout) {
    /** Fastest kernel, float32, everything kept, no dropout. */
    public static final Execution PLAIN = new Execution(AttentionKernel.of("auto"), false, false, false);

    public Execution withKernel(AttentionKernel kernel) {
        return new Execution(kernel, bfloat16, recompute, dropout);
    }
}
