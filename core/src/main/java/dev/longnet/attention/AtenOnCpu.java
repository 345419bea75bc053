package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Guard;
import dev.longnet.tensor.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Half types are computed in float32: blockwise attention in them is slow and coarse on a CPU. */
final class AtenOnCpu implements AtenDevice {
    @Override
    public Tensor rows(Tensor tensor) {
        Tensor wide = Tensors.type(tensor) == ScalarType.Double ? tensor : tensor.to(ScalarType.Float);
        boolean regular = wide.stride(3) == 1 && (wide.size(0) == 1 || wide.stride(0) == wide.size(1) * wide.stride(1));
        return regular ? wide : wide.contiguous();
    }

    @Override
    public long longestAxis() {
        return Long.MAX_VALUE;
    }

    @Override
    public Guard whileAttending() {
        return Compute.oneBlasThread();
    }

    @Override
    public Aten.Flash attend(Tensor q, Tensor k, Tensor v, boolean causal, double scale, boolean again) {
        return Aten.flashOnCpu(q, k, v, causal, scale);
    }

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
        return Aten.flashOnCpuBackward(dout, q, k, v, out, lse, causal, scale);
    }

    @Override
    public Merged merged(Tensor q, List<Branch> branches, long start) {
        return new MergedRows(q);
    }

    @Override
    public Summed summed(Tensor like, List<Branch> branches, long start) {
        return new SummedRows(like);
    }
}
