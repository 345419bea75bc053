package dev.longnet.attention;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Attention of a piece of a text to the piece and what a cache holds of the text before; see {@link KeyValueCache#over}. */
record CachedKernel(KeyValueCache cache, AttentionKernel kernel) implements AttentionKernel {
    @Override
    public String name() {
        return kernel.name();
    }

    @Override
    public String obstacle(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return kernel.obstacle(device, type, heads, headDim, spec);
    }

    @Override
    public AttentionKernel on(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return new CachedKernel(cache, kernel.on(device, type, heads, headDim, spec));
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        return cache.attend(q, k, v, spec, kernel);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        throw new UnsupportedOperationException(
                "a text that is read in pieces has no gradient; train on whole sequences");
    }
}
