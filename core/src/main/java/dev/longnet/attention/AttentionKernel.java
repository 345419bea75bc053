package dev.longnet.attention;

import dev.longnet.InvalidArgumentException;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Tensors;
import java.util.List;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A way of computing dilated attention and its exact gradient.
 *
 * <p>Shapes: B batch, N length, H query heads, Hk key/value heads (Hk divides H), D head dimension. q, out, dout and dq
 * are (B, N, H, D), k, v, dk and dv (B, N, Hk, D), lse (B, H, N) in float32 or wider. Inputs are checked by
 * {@link Attention} before a kernel sees them.
 */
public interface AttentionKernel {
    /** The plain kernel that reads like the formula; it needs memory for N × N numbers a head. */
    AttentionKernel REFERENCE = new ReferenceKernel();

    /** libtorch's blockwise attention on strided views, on the CPU and, in bfloat16 and float16, on NVIDIA GPUs. */
    AttentionKernel ATEN = new AtenKernel();

    /** Kernels of our own for NVIDIA's Hopper GPUs, in bfloat16 and float16. */
    AttentionKernel HOPPER = new HopperKernel();

    /** The fastest of them for the tensors given. */
    AttentionKernel AUTO = new AutoKernel();

    /** Output and log-sum-exp of the scores; a query that sees nothing has output 0 and lse −∞. */
    record Result(Tensor out, Tensor lse) {}

    /** Gradients of the three inputs, in their shapes and types. */
    record Gradients(Tensor dq, Tensor dk, Tensor dv) {}

    /** The name by which users choose it. */
    String name();

    /**
     * Why this kernel cannot compute attention over such tensors, as the end of a sentence about it that says the way
     * out; null where it can.
     */
    default String obstacle(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return null;
    }

    /** The kernel that computes attention over such tensors: itself, or what {@code auto} chooses for them. */
    default AttentionKernel on(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return this;
    }

    Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec);

    /**
     * @param out what {@link #forward} returned
     * @param lse what {@link #forward} returned
     */
    Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec);

    /**
     * The gradient of queries, keys and values that lie in one tensor, as one like it, (B, N, H + 2 Hk, D).
     *
     * @param packed heads of queries, of keys, of values
     * @param heads query heads H
     */
    default Tensor backwardPacked(Tensor dout, Tensor packed, int heads, Tensor out, Tensor lse, AttentionSpec spec) {
        PackedAttention.Parts parts = PackedAttention.Parts.of(packed, heads);
        Gradients g = backward(dout, parts.q(), parts.k(), parts.v(), out, lse, spec);
        return Tensors.cat(2, g.dq(), g.dk(), g.dv());
    }

    /**
     * A kernel for one rank's shard of a sequence that is cut over several ranks. It gives the shard's rows of what {@code
     * kernel} would give for the whole sequence, and the same gradients. All ranks call it at the same time, each with the
     * tokens of its shard and {@link AttentionSpec#start} at the shard's first; {@link AttentionSpec#lengths} it refuses.
     *
     * @param group the ranks, one a shard
     * @param kernel computes what lies within the shard
     */
    static AttentionKernel over(RankGroup group, SequenceShards shards, AttentionKernel kernel) {
        return new ShardedKernel(group, shards, kernel);
    }

    /**
     * A kernel that lets every token see itself and the {@code tokens} − 1 before it, whatever the pattern says; to compare
     * with. It takes whole causal sequences of one length.
     */
    static AttentionKernel slidingWindow(int tokens) {
        return new WindowKernel(tokens, AUTO);
    }

    /** The kernel of this name: auto, reference, aten or hopper. */
    static AttentionKernel of(String name) {
        List<AttentionKernel> all = List.of(AUTO, REFERENCE, ATEN, HOPPER);
        for (AttentionKernel kernel : all) {
            if (kernel.name().equals(name)) {
                return kernel;
            }
        }
        throw new InvalidArgumentException(
                "attention kernel \"%s\" is not known; use one of %s",
                name, all.stream().map(AttentionKernel::name).collect(Collectors.joining(", ")));
    }
}
