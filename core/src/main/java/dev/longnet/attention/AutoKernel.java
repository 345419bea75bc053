package dev.longnet.attention;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/** Leaves the choice of kernel to the device that the tensors are on. */
final class AutoKernel implements AttentionKernel {
    @Override
    public String name() {
        return "auto";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        return on(q.device()).forward(q, k, v, spec);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        return on(q.device()).backward(dout, q, k, v, out, lse, spec);
    }

    @Override
    public AttentionKernel on(Device device) {
        return device.is_cpu() ? ATEN : REFERENCE;
    }
}
