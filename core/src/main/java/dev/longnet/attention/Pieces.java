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
 * Entries of four 64-bit numbers: first one a branch (w in the low half and the first row's place in its segment in the
 * high half, r, heads of a residue, its first entry), then one a piece, see {@link #add}; of a branch by segment, from the
 * first row's on, example and head. No piece, no rows: zeros.
 *
 * <p>B batch, N length, H heads, D head dimension.
 */
final class Pieces {
    private static final int NUMBERS = 4;
    private static final int THREADS = 256, WIDEST = 128, BLOCKS_AT_ONCE = 16;

    private final Tensor like;
    private final List<Grid> grids;
    private final long[] table;

    /**
     * The segments of a branch, seen from the first row.
     *
     * @param segment w, but no more than what the rows need to find their segments and places by
     * @param place of the first row in its segment
     */
    private record Grid(Branch branch, long segment, long place) {
        static Grid of(Branch branch, long start, long length) {
            long w = branch.segment(), place = start % w;
            if (w <= length) {
                return new Grid(branch, w, place);
            }
            long before = Math.min(place, w - length) / branch.ratio() * branch.ratio(); // places that no row has
            return new Grid(branch, Math.min(w - before, place - before + length), place - before);
        }

        long segments(long length) {
            return (place + length + segment - 1) / segment;
        }
    }

    /**
     * @param like (B, N, H, D) in the pieces' type
     * @param branches in the order of their indices
     * @param start position of the first row
     */
    Pieces(Tensor like, List<Branch> branches, long start) {
        this.like = like;
        long length = like.size(1);
        grids = branches.stream().map(branch -> Grid.of(branch, start, length)).toList();
        long[] first = new long[grids.size() + 1];
        first[0] = grids.size();
        for (int i = 0; i < grids.size(); i++) {
            first[i + 1] = first[i] + grids.get(i).segments(length) * like.size(0) * like.size(2);
        }
        table = new long[Math.toIntExact(NUMBERS * first[grids.size()])];
        for (int i = 0; i < grids.size(); i++) {
            Grid grid = grids.get(i);
            Branch branch = grid.branch;
            long wAndPlace = grid.segment | grid.place << Integer.SIZE;
            put(i, wAndPlace, branch.ratio(), branch.headsPerOffset((int) like.size(2)), first[i]);
        }
    }

    /**
     * Adds the rows of a view. They must live until they are brought together. A piece counts its rows from the segment's
     * first kept one on, be it there or not: address of the first, address of its lse, numbers from row to row, count.
     *
     * @param rows (·, ·, rows, D) in the view's order of segments and heads
     * @param lse (·, ·, rows), one after another, or null where rows are only summed
     */
    void add(StridedView view, int branch, Tensor rows, Tensor lse) {
        Grid grid = grids.get(branch);
        long batch = like.size(0), heads = like.size(2), first = table[NUMBERS * branch + 3];
        long rowsAt = Tensors.address(rows), lseAt = lse == null ? 0 : Tensors.address(lse);
        long bytes = rows.element_size(), lseBytes = lse == null ? 0 : lse.element_size();
        long[] stride = {rows.stride(0), rows.stride(1), rows.stride(2)};
        long[] lseStride = lse == null ? stride : new long[] {lse.stride(0), lse.stride(1)};
        view.forEachHead(like.size(1), (i, j, example, position, head) -> {
            long segment = (position + grid.place) / grid.segment;
            long before = (position + grid.place) % grid.segment / grid.branch.ratio();
            put(
                    first + (segment * batch + example) * heads + head,
                    rowsAt + bytes * (i * stride[0] + j * stride[1] - before * stride[2]),
                    lseAt + lseBytes * (i * lseStride[0] + j * lseStride[1] - before),
                    stride[2],
                    before + view.rows());
        });
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
                        grids.size(),
                        batch,
                        length,
                        heads,
                        group,
                        out,
                        lse);
    }

    private void put(long entry, long... numbers) {
        System.arraycopy(numbers, 0, table, Math.toIntExact(NUMBERS * entry), NUMBERS);
    }
}
