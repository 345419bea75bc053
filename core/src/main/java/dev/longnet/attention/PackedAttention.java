package dev.longnet.attention;

import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/**
 * Attention over queries, keys and values that lie in one tensor (B, N, H + 2 Hk, D), as one matrix product leaves them.
 * Its gradient is one tensor too, so that nothing has to be put together from parts.
 *
 * <p>Rotary positions are applied in place: the packed tensor is turned by the forward pass and its gradient by the
 * backward pass.
 *
 * @param heads query heads H
 * @param spec what is computed, with what the rotations leave of the damping
 * @param rotary rotations of the positions, or null
 */
public record PackedAttention(int heads, AttentionSpec spec, RotaryTable rotary, AttentionKernel kernel) {
    /** Views of a packed tensor: q (B, N, H, D), k and v (B, N, Hk, D). */
    record Parts(Tensor q, Tensor k, Tensor v) {
        static Parts of(Tensor packed, int heads) {
            long kvHeads = (packed.size(2) - heads) / 2;
            return new Parts(
                    packed.narrow(2, 0, heads),
                    packed.narrow(2, heads, kvHeads),
                    packed.narrow(2, heads + kvHeads, kvHeads));
        }
    }

    /** Turns the packed tensor and attends; without a gradient. */
    public AttentionKernel.Result forward(Tensor packed) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            if (rotary != null) {
                rotary.turnPacked(packed, heads, false);
            }
            Parts parts = Parts.of(packed, heads);
            AttentionKernel.Result result = Attention.forward(parts.q, parts.k, parts.v, spec, kernel);
            return new AttentionKernel.Result(scope.keep(result.out()), scope.keep(result.lse()));
        }
    }

    /**
     * The gradient of the packed tensor as it was before {@link #forward}.
     *
     * @param packed as {@code forward} left it
     * @param result what {@code forward} returned
     */
    public Tensor backward(Tensor dout, Tensor packed, AttentionKernel.Result result) {
        try (Scope scope = new Scope()) {
            Tensor gradient = kernel.backwardPacked(dout, packed, heads, result.out(), result.lse(), spec);
            if (rotary != null) {
                rotary.turnPacked(gradient, heads, true);
            }
            return scope.keep(gradient);
        }
    }

    /**
     * Attends as a function in libtorch's graph, (B, N, H + 2 Hk, D) → (B, N, H, D).
     *
     * @param packed nobody else's: it is turned in place
     */
    Tensor attend(Tensor packed) {
        if (!Gradient.wanted(packed)) {
            return forward(packed).out();
        }
        try (Scope scope = new Scope()) {
            Tensor plain = packed.detach();
            AttentionKernel.Result result = forward(plain);
            Gradient.Backward backward = dout -> new Tensor[] {backward(dout, plain, result)};
            Tensor[] saved = {plain, result.out(), result.lse()};
            return scope.keep(Gradient.attach(result.out(), withTables(saved), backward, packed));
        }
    }

    /** The tensors with those that the rotations are made of. */
    private Tensor[] withTables(Tensor... saved) {
        if (rotary == null) {
            return saved;
        }
        Tensor[] all = Arrays.copyOf(saved, saved.length + rotary.tensors().size());
        for (int i = saved.length; i < all.length; i++) {
            all[i] = rotary.tensors().get(i - saved.length);
        }
        return all;
    }
}
