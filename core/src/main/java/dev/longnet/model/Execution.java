package dev.longnet.model;

import dev.longnet.attention.AttentionKernel;
import org.bytedeco.pytorch.Device;

/**
 * How a model is computed; nothing of it changes what is computed, but for rounding and dropout.
 *
 * @param kernel attention kernel
 * @param numbers number format
 * @param activations what becomes of a block's activations until the backward pass needs them
 * @param dropout whether the model's dropout is on, as in training
 * @param tokensChecked whether the caller knows that all tokens are in the vocabulary; looking costs a GPU a wait
 */
public record Execution(
        AttentionKernel kernel, Numbers numbers, Activations activations, boolean dropout, boolean tokensChecked) {
    /** Fastest kernel, float32, everything kept, no dropout. */
    public static final Execution PLAIN =
            new Execution(AttentionKernel.of("auto"), Numbers.FLOAT32, Activations.KEPT, false, false);

    /** Number format; weights, norms, sums and the optimizer are float32 in all of them. */
    public enum Numbers {
        FLOAT32,
        /** Matrix products of numbers rounded to bfloat16; activations and the residual stream stay float32. */
        BFLOAT16_PRODUCTS,
        /** Activations, the residual stream and their gradients are bfloat16 too. */
        BFLOAT16;

        /** The format for a device: on a GPU bfloat16 means all of it, since its memory is what limits it. */
        public static Numbers of(boolean bfloat16, Device device) {
            return !bfloat16 ? FLOAT32 : device.is_cuda() ? BFLOAT16 : BFLOAT16_PRODUCTS;
        }
    }

    /** What becomes of a block's activations until the backward pass needs them. */
    public enum Activations {
        /** They stay. */
        KEPT,
        /** They are computed again from the block's input, which stays. */
        RECOMPUTED,
        /** They are computed again from the block's input, which waits in the host's memory. */
        OFFLOADED;

        public static Activations of(boolean recompute, boolean offload) {
            return !recompute ? KEPT : offload ? OFFLOADED : RECOMPUTED;
        }
    }

    public Execution withKernel(AttentionKernel kernel) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked);
    }

    public Execution withNumbers(Numbers numbers) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked);
    }

    public Execution withActivations(Activations activations) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked);
    }

    public Execution withDropout(boolean dropout) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked);
    }

    public Execution withTokensChecked() {
        return new Execution(kernel, numbers, activations, dropout, true);
    }

    /** Whether products are taken in bfloat16. */
    public boolean bfloat16() {
        return numbers != Numbers.FLOAT32;
    }

    /** Whether a block's activations are computed again in the backward pass. */
    boolean recompute() {
        return activations != Activations.KEPT;
    }
}
