package dev.longnet.attention;

import dev.longnet.pattern.DilationPattern;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A pattern in the place of the model's own, for whatever kernel is fast. */
record PatternKernel(DilationPattern pattern, AttentionKernel kernel) implements AttentionKernel {
    @Override
    public String name() {
        return kernel.name();
    }

    @Override
    public String obstacle(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return kernel.obstacle(device, type, heads, headDim, spec.withPattern(pattern));
    }

    @Override
    public AttentionKernel on(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return new PatternKernel(pattern, kernel.on(device, type, heads, headDim, spec.withPattern(pattern)));
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        return kernel.forward(q, k, v, spec.withPattern(pattern));
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        return kernel.backward(dout, q, k, v, out, lse, spec.withPattern(pattern));
    }

    @Override
    public Tensor backwardPacked(Tensor dout, Tensor packed, int heads, Tensor out, Tensor lse, AttentionSpec spec) {
        return kernel.backwardPacked(dout, packed, heads, out, lse, spec.withPattern(pattern));
    }
}
