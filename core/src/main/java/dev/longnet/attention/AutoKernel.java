package dev.longnet.attention;

import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Leaves the choice of kernel to where the tensors are and what they are. */
final class AutoKernel implements AttentionKernel {
    @Override
    public String name() {
        return "auto";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        return choose(q, spec).forward(q, k, v, spec);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        return choose(q, spec).backward(dout, q, k, v, out, lse, spec);
    }

    @Override
    public Tensor backwardPacked(Tensor dout, Tensor packed, int heads, Tensor out, Tensor lse, AttentionSpec spec) {
        return on(packed.device(), Tensors.type(packed), heads, packed.size(3), spec)
                .backwardPacked(dout, packed, heads, out, lse, spec);
    }

    @Override
    public AttentionKernel on(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        if (device.is_cpu()) {
            return ATEN;
        }
        return HOPPER.obstacle(device, type, heads, headDim, spec) == null ? HOPPER : REFERENCE;
    }

    private AttentionKernel choose(Tensor q, AttentionSpec spec) {
        return on(q.device(), Tensors.type(q), q.size(2), q.size(3), spec);
    }
}
