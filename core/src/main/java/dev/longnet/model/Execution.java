package dev.longnet.model;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.tensor.Gradient;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/**
 * How a model is computed; nothing of it changes what is computed, but for rounding and dropout.
 *
 * @param kernel attention kernel
 * @param numbers number format
 * @param activations what becomes of a block's activations until the backward pass needs them
 * @param dropout whether the model's dropout is on, as in training
 * @param tokensChecked whether the caller knows that all tokens are in the vocabulary; looking costs a GPU a wait
 * @param blockDone called by the backward pass whenever the gradients of a block's weights are complete, from the last
 *     block to the first, on a thread of its own choice; or null
 */
public record Execution(
        AttentionKernel kernel,
        Numbers numbers,
        Activations activations,
        boolean dropout,
        boolean tokensChecked,
        Runnable blockDone) {
    /** Fastest kernel, float32, everything kept, no dropout. */
    public static final Execution PLAIN =
            new Execution(AttentionKernel.of("auto"), Numbers.FLOAT32, Activations.KEPT, false, false, null);

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
        return new Execution(kernel, numbers, activations, dropout, tokensChecked, blockDone);
    }

    public Execution withNumbers(Numbers numbers) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked, blockDone);
    }

    public Execution withActivations(Activations activations) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked, blockDone);
    }

    public Execution withDropout(boolean dropout) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked, blockDone);
    }

    public Execution withTokensChecked() {
        return new Execution(kernel, numbers, activations, dropout, true, blockDone);
    }

    public Execution withBlockDone(Runnable blockDone) {
        return new Execution(kernel, numbers, activations, dropout, tokensChecked, blockDone);
    }

    /**
     * The input of a block, marked where the backward pass is to say that it is done with the block: libtorch takes what
     * was recorded last first, and so adds up the block's gradients before it comes to the mark.
     */
    Tensor marked(Tensor x) {
        if (blockDone == null || !Gradient.wanted(x)) {
            return x;
        }
        Gradient.Backward backward = dx -> {
            blockDone.run();
            return new Tensor[] {dx};
        };
        return Gradient.attach(x.detach(), new Tensor[0], backward, x);
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
