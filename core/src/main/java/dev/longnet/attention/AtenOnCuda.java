package dev.longnet.attention;

import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.attention.Damping.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.CudaAttention;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.Guard;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** cuDNN's attention for shapes that come again, where it is the faster one; else FlashAttention-2. */
final class AtenOnCuda implements AtenDevice {
    /** What cuDNN takes, and the fewest rows of which its larger blocks pay. */
    private static final int CUDNN_FEATURES = 128, CUDNN_ROWS = 64;

    @Override
    public Tensor rows(Tensor tensor) {
        boolean regular = tensor.size(0) == 1 || tensor.stride(0) == tensor.size(1) * tensor.stride(1);
        return regular ? Tensors.inVectors(tensor) : Tensors.copy(tensor);
    }

    @Override
    public long longestAxis() {
        return CudaAttention.MOST;
    }

    @Override
    public Guard whileAttending() {
        return () -> {};
    }

    @Override
    public Aten.Flash attend(Tensor q, Tensor k, Tensor v, boolean causal, double scale, boolean again) {
        return operator(q, again).forward(q, k, v, causal, scale);
    }

    /** cuDNN adds up dq in an order of its own, so FlashAttention-2 answers where bits are to be repeated. */
    @Override
    public Aten.FlashGradients gradients(
            Tensor dout,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor out,
            Tensor lse,
            boolean causal,
            double scale,
            boolean again) {
        return operator(q, again && !Compute.deterministic()).backward(dout, q, k, v, out, lse, causal, scale);
    }

    private static CudaAttention operator(Tensor q, boolean again) {
        int generation = Gpu.of(q.device()).major();
        boolean faster = (generation == 9 || generation == 10) && q.size(2) >= CUDNN_ROWS;
        return again && faster && q.size(3) <= CUDNN_FEATURES ? CudaAttention.CUDNN : CudaAttention.FLASH;
    }

    @Override
    public Merged merged(Tensor q, List<Branch> branches, long start) {
        Pieces pieces = new Pieces(q, branches, start);
        return new Merged() {
            @Override
            public void add(StridedView view, Part part, int branch, Aten.Flash attended, Scope scope) {
                pieces.add(view, branch, scope.keep(attended.out()), scope.keep(attended.lse()));
            }

            @Override
            public Result result() {
                return pieces.merge();
            }
        };
    }

    @Override
    public Summed summed(Tensor like, List<Branch> branches, long start) {
        Pieces pieces = new Pieces(like, branches, start);
        return new Summed() {
            @Override
            public void add(StridedView view, Part part, int branch, long from, Tensor rows, Scope scope) {
                pieces.add(view, branch, scope.keep(rows), null);
            }

            @Override
            public Tensor result(int heads) {
                return pieces.sum(heads);
            }
        };
    }
}
