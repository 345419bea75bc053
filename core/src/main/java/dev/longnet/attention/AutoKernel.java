package dev.longnet.attention;

import org.bytedeco.pytorch.Tensor;

/** Leaves the choice of kernel to the device that the tensors are on. */
final class AutoKernel implements AttentionKernel {
    @Override
    public String name() {
        return "auto";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        return kernel(q).forward(q, k, v, spec);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        return kernel(q).backward(dout, q, k, v, out, lse, spec);
    }

    private static AttentionKernel kernel(Tensor q) {
        return q.is_cpu() ? ATEN : REFERENCE;
    }
}
