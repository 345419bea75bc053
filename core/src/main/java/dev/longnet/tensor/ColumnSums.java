package dev.longnet.tensor;

import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Sums over the rows of a matrix in float32; on a GPU in an order that never changes. */
public final class ColumnSums {
    private static final int SPLITS = 64;

    private ColumnSums() {}

    /** Σ over rows of x (rows, width) in bfloat16 → float32 (width). */
    public static Tensor of(Tensor x) {
        long rows = x.size(0);
        int width = (int) x.size(1);
        if (!x.is_cuda() || width % 8 != 0) {
            return x.sum(new long[] {0}, false, new ScalarTypeOptional(ScalarType.Float));
        }
        try (Scope scope = new Scope()) {
            Tensor partial = Tensors.empty(Tensors.like(x, ScalarType.Float), SPLITS, width);
            module(x.device())
                    .kernel("columns")
                    .launch((width / 8 + 31) / 32, SPLITS, 32, 8, 0, x.contiguous(), partial, rows, width);
            return scope.keep(total(partial));
        }
    }

    /** Σ over the rows of partial sums, float32 (parts, …) on a GPU → (…). */
    static Tensor total(Tensor partial) {
        int parts = (int) partial.size(0), width = (int) (partial.numel() / parts);
        Tensor out = Tensors.empty(Tensors.like(partial), width);
        module(partial.device()).kernel("total").launch((width + 31) / 32, 1, 32, 32, 0, partial, out, parts, width);
        return out;
    }

    private static CudaModule module(Device device) {
        return CudaModule.of(device, ColumnSums.class, "rows/columns.cu", Map.of());
    }
}
