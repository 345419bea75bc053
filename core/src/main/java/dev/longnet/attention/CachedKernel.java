package dev.longnet.attention;

import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention to what caches hold of the text before, and within a piece of it; see {@link KeyValueCache#over}.
 *
 * @param caches what is attended to
 * @param sideBySide whether each cache's text goes on by a row; else there is one, and the rows are its next piece
 */
record CachedKernel(List<KeyValueCache> caches, boolean sideBySide, AttentionKernel kernel) implements AttentionKernel {
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
        return new CachedKernel(caches, sideBySide, kernel.on(device, type, heads, headDim, spec));
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        if (!sideBySide) {
            return caches.get(0).attend(q, k, v, spec, kernel);
        }
        try (Scope scope = new Scope()) {
            Tensor[] out = new Tensor[caches.size()], lse = new Tensor[caches.size()];
            for (int i = 0; i < out.length; i++) {
                KeyValueCache cache = caches.get(i);
                Result result = cache.attend(
                        q.narrow(1, i, 1),
                        k.narrow(1, i, 1),
                        v.narrow(1, i, 1),
                        spec.withStart(cache.position()),
                        kernel);
                out[i] = result.out();
                lse[i] = result.lse();
            }
            return new Result(scope.keep(Tensors.cat(1, out)), scope.keep(Tensors.cat(2, lse)));
        }
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        throw new UnsupportedOperationException(
                "a text that is read in pieces has no gradient; train on whole sequences");
    }
}
