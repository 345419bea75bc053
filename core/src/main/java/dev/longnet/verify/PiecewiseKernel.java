package dev.longnet.verify;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.attention.KeyValueCache;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Causal attention over a whole sequence that is read in pieces, as a text without end is; its gradient is the given
 * kernel's, of what the pieces gave.
 *
 * @param piece tokens of a piece
 */
record PiecewiseKernel(int piece, AttentionKernel kernel) implements AttentionKernel {
    @Override
    public String name() {
        return kernel.name();
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        try (KeyValueCache cache = new KeyValueCache(spec.pattern(), (int) q.size(2))) {
            AttentionKernel reading = cache.over(kernel);
            List<Tensor> outs = new ArrayList<>(), lses = new ArrayList<>();
            for (long at = 0; at < q.size(1); at += piece) {
                long n = Math.min(piece, q.size(1) - at);
                Result result =
                        reading.forward(q.narrow(1, at, n), k.narrow(1, at, n), v.narrow(1, at, n), spec.withStart(at));
                outs.add(result.out());
                lses.add(result.lse());
            }
            return new Result(Tensors.cat(1, outs.toArray(Tensor[]::new)), Tensors.cat(2, lses.toArray(Tensor[]::new)));
        }
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        return kernel.backward(dout, q, k, v, out, lse, spec);
    }
}
