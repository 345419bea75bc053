package dev.longnet.attention;

import dev.longnet.InvalidArgumentException;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

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

    /** libtorch's blockwise attention on strided views, on the CPU. */
    AttentionKernel ATEN = new AtenKernel();

    /** The fastest of them where the tensors are. */
    AttentionKernel AUTO = new AutoKernel();

    /** Output and log-sum-exp of the scores; a query that sees nothing has output 0 and lse −∞. */
    record Result(Tensor out, Tensor lse) {}

    /** Gradients of the three inputs, in their shapes and types. */
    record Gradients(Tensor dq, Tensor dk, Tensor dv) {}

    /** The name by which users choose it. */
    String name();

    /** The kernel that computes on a device: itself, or what {@code auto} chooses there. */
    default AttentionKernel on(Device device) {
        return this;
    }

    Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec);

    /**
     * @param out what {@link #forward} returned
     * @param lse what {@link #forward} returned
     */
    Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec);

    /** The kernel of this name: auto, reference or aten. */
    static AttentionKernel of(String name) {
        for (AttentionKernel kernel : List.of(AUTO, REFERENCE, ATEN)) {
            if (kernel.name().equals(name)) {
                return kernel;
            }
        }
        throw new InvalidArgumentException("attention kernel \"%s\" is not known; use auto, reference or aten", name);
    }
}
