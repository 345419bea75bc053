package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import dev.longnet.tensor.CudaModule;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.Tensors;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Rows of branches on a GPU, left where libtorch's operators wrote them until one kernel, aten/join.cu, brings them
 * together: it reads every row once and writes the whole once, with sums in float32.
 *
 * <p>The kernel finds rows by a table that says where each branch has its rows of each segment, example and head.
 * Entries of four 64-bit numbers: first one a branch (w, r, heads of a residue, its first entry), then one a piece, see
 * {@link #add}; of a branch by segment, example and head. No piece, no rows: zeros.
 *
 * <p>B batch, N length, H heads, D head dimension.
 */
final class Pieces {
    private static final int NUMBERS = 4;
    private static final int THREADS = 256, WIDEST = 128, BLOCKS_AT_ONCE = 16;

    private final Tensor like;
    private final List<Branch> branches;
    private final long[] table;

    /**
     * @param like (B, N, H, D) in the pieces' type
     * @param branches in the order of their indices
     */
    Pieces(Tensor like, List<Branch> branches) {
        this.like = like;
        this.branches = branches;
        long[] first = new long[branches.size() + 1];
        first[0] = branches.size();
        for (int i = 0; i < branches.size(); i++) {
            long w = segment(branches.get(i));
            first[i + 1] = first[i] + (like.size(1) + w - 1) / w * like.size(0) * like.size(2);
        }
        table = new long[Math.toIntExact(NUMBERS * first[branches.size()])];
        for (int i = 0; i < branches.size(); i++) {
            Branch branch = branches.get(i);
            put(i, segment(branch), branch.ratio(), branch.headsPerOffset((int) like.size(2)), first[i]);
        }
    }

    /**
     * Adds the rows of a view. They must live until they are brought together.
     *
     * @param rows (·, ·, rows, D) in the view's order of segments and heads
     * @param lse (·, ·, rows), one after another, or null where rows are only summed
     */
    void add(StridedView view, int branch, Tensor rows, Tensor lse) {
        long batch = like.size(0),
                heads = like.size(2),
                w = table[NUMBERS * branch],
                first = table[NUMBERS * branch + 3];
        long rowsAt = Tensors.address(rows), lseAt = lse == null ? 0 : Tensors.address(lse);
        long bytes = rows.element_size(), lseBytes = lse == null ? 0 : lse.element_size();
        long[] stride = {rows.stride(0), rows.stride(1), rows.stride(2)};
        long[] lseStride = lse == null ? stride : new long[] {lse.stride(0), lse.stride(1)};
        view.forEachHead(
                like.size(1),
                (i, j, example, position, head) -> put(
                        first + (position / w * batch + example) * heads + head,
                        rowsAt + bytes * (i * stride[0] + j * stride[1]),
                        lseAt + lseBytes * (i * lseStride[0] + j * lseStride[1]),
                        stride[2],
                        view.rows()));
    }

    /** The table, in entries of four numbers. */
    long[] table() {
        return table;
    }

    /** Output (B, N, H, D) and lse (B, H, N), the branches weighed by their lse. */
    AttentionKernel.Result merge() {
        long batch = like.size(0), length = like.size(1), heads = like.size(2);
        Tensor out = Tensors.empty(Tensors.like(like), batch, length, heads, like.size(3));
        Tensor lse = Tensors.empty(Tensors.options(ScalarType.Float, like.device()), batch, length, heads);
        launch("merge", 1, out, lse);
        return new AttentionKernel.Result(out, lse.transpose(1, 2));
    }

    /** The sum of the branches, over H / heads neighbouring heads each, (B, N, heads, D). */
    Tensor sum(int heads) {
        Tensor out = Tensors.empty(Tensors.like(like), like.size(0), like.size(1), heads, like.size(3));
        launch("sum", (int) like.size(2) / heads, out, null);
        return out;
    }

    private void launch(String kernel, int group, Tensor out, Tensor lse) {
        int batch = (int) like.size(0), length = (int) like.size(1), heads = (int) like.size(2);
        int dim = (int) like.size(3);
        Map<String, Integer> defines = Map.of("D", dim, "HALF", Tensors.type(like) == ScalarType.Half ? 1 : 0);
        CudaModule module = CudaModule.of(like.device(), Pieces.class, "aten/join.cu", defines);
        int vectors = heads / group * (dim / module.constants("features", 1)[0]);
        int across = Math.min(vectors, WIDEST), down = THREADS / across;
        int gridY = Math.min(batch, (1 << 16) - 1);
        long atOnce = (long) BLOCKS_AT_ONCE * Gpu.of(like.device()).multiprocessors();
        module.kernel(kernel)
                .launch(
                        Math.min((length + down - 1) / down, atOnce / Math.min(batch, 8)),
                        gridY,
                        across,
                        down,
                        0,
                        Tensors.of(table, like.device()),
                        branches.size(),
                        batch,
                        length,
                        heads,
                        group,
                        out,
                        lse);
    }

    private long segment(Branch branch) {
        return Math.min(branch.segment(), like.size(1));
    }

    private void put(long entry, long... numbers) {
        System.arraycopy(numbers, 0, table, Math.toIntExact(NUMBERS * entry), NUMBERS);
    }
}
