package dev.longnet.tensor;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Turns queries and keys where they lie, in rows (B, N, H + 2 Hk, D) of queries, keys and values: neighbouring features
 * are a complex number. On a GPU bfloat16 rows are turned by rows/rotate.cu, in one pass.
 */
public final class PairRotation {
    private static final int THREADS = 256, BLOCKS_AT_ONCE = 8;

    private PairRotation() {}

    /**
     * Multiplies queries and keys by complex numbers of their positions.
     *
     * @param packed (B, N, H + 2 Hk, D), contiguous; without a gradient
     * @param queries complex (N, 1, D/2)
     * @param keys complex (N, 1, D/2)
     * @param heads query heads H
     * @param conjugate whether to multiply by the conjugates, which takes a gradient back
     */
    public static void turn(Tensor packed, Tensor queries, Tensor keys, int heads, boolean conjugate) {
        int keyHeads = ((int) packed.size(2) - heads) / 2, dim = (int) packed.size(3);
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            boolean fused = packed.is_cuda() && Tensors.type(packed) == ScalarType.BFloat16 && dim % 8 == 0;
            if (!fused) {
                turn(packed.narrow(2, 0, heads), conjugate ? queries.conj() : queries);
                turn(packed.narrow(2, heads, keyHeads), conjugate ? keys.conj() : keys);
                return;
            }
            long rows = packed.size(0) * packed.size(1), vectors = rows * (heads + keyHeads) * dim / 8;
            long blocks = (long) BLOCKS_AT_ONCE * Gpu.of(packed.device()).multiprocessors();
            CudaModule.of(packed.device(), PairRotation.class, "rows/rotate.cu", Map.of("D", dim))
                    .kernel("rotate")
                    .launch(
                            Math.min(blocks, (vectors + THREADS - 1) / THREADS),
                            1,
                            THREADS,
                            1,
                            0,
                            packed,
                            queries,
                            keys,
                            rows,
                            packed.size(1),
                            heads,
                            keyHeads,
                            conjugate ? 1 : 0);
        }
    }

    private static void turn(Tensor part, Tensor rotation) {
        Tensor wide = Tensors.type(part) == ScalarType.Double ? part : part.to(ScalarType.Float);
        part.copy_(Ops.rotatePairs(wide, rotation));
    }
}
