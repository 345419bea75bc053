package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.Branch;
import dev.longnet.tensor.TensorMap;
import dev.longnet.tensor.Tensors;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.pytorch.Tensor;

/**
 * The struct {@code Params} of {@code hopper/common.cuh}, which a launch takes by value, and what it counts: the tiles
 * and the compact rows of every branch.
 *
 * <p>B batch, N length, H heads, Hk key/value heads, D head dimension. A branch has ⌈N/w⌉ segments of ⌈w/r⌉ rows for each
 * example and head, all of them counted full.
 */
final class HopperParams {
    /** Most branches of a launch. */
    static final int MOST_BRANCHES = 8;

    /** Tensors that have maps, in their order. */
    static final int Q = 0, K = 1, V = 2, DOUT = 3, SUMS = 4;

    /** Most heads, whose shares of pairs are told one by one. */
    static final int MOST_HEADS = 128;

    private static final int MAPPED = 5;
    private static final int MOST_DEPTHS = 2;

    // Offsets in bytes; a test holds them against the compiler's.
    static final int BRANCH = MAPPED * MOST_BRANCHES * MOST_DEPTHS * TensorMap.BYTES;
    static final int BRANCH_BYTES = 48;
    static final int BRANCH_RATIO = 4, BRANCH_FIRST_TILE = 20;
    static final int BRANCHES = BRANCH + MOST_BRANCHES * BRANCH_BYTES;
    static final int TILES = BRANCHES + 4;
    static final int B = TILES + 4;
    static final int SCALE = B + 20;
    static final int LENGTHS = SCALE + 4;
    static final int NEXT = LENGTHS + 8;
    static final int BASE = NEXT + 8;
    static final int OUT = BASE + 8;
    static final int LSE = OUT + 8;
    static final int PART_OUT = LSE + 8;
    static final int PART_LSE = PART_OUT + 8;
    static final int STATS = PART_LSE + 8;
    static final int DQ = STATS + 8;
    static final int DK = DQ + 8;
    static final int DV = DK + 8;
    static final int PART_DK = DV + 8;
    static final int PART_DV = PART_DK + 8;
    static final int ROW_K = PART_DV + 8;
    static final int TURN = ROW_K + 8;
    static final int INNER = TURN + 8;
    static final int BELOW = INNER + MOST_BRANCHES * MOST_HEADS * Integer.BYTES;
    static final int BYTES = (BELOW + MOST_BRANCHES * MOST_HEADS + 63) / 64 * 64;

    /** Blocks take tiles until they get one beyond the last, whose number has to be one too. */
    private static final int MOST_TILES = Integer.MAX_VALUE - (1 << 20);

    private static final double LOG2_E = 1.4426950408889634;

    private final ByteBuffer bytes;
    private final long length;
    private final int tiles;
    private long rows;
    private long paddedRows;

    /**
     * Counts tiles of {@code tile} rows.
     *
     * @param q (B, N, H, D)
     * @param k (B, N, Hk, D)
     * @param direct whether a branch that keeps every row may write to the results themselves
     */
    HopperParams(Tensor q, Tensor k, AttentionSpec spec, SharedPairs pairs, int tile, boolean direct) {
        bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.nativeOrder());
        length = q.size(1);
        long batch = q.size(0);
        int heads = (int) q.size(2), index = 0, base = direct ? pairs.base() : -1;
        long tiles = 0;
        for (Branch branch : spec.pattern().branches()) {
            long w = Math.min(branch.segment(), length), segments = (length + w - 1) / w;
            long kept = (w + branch.ratio() - 1) / branch.ratio(), places = batch * heads * segments;
            long tilesOfSegment = (kept + tile - 1) / tile;
            bytes.position(BRANCH + index * BRANCH_BYTES);
            bytes.putInt((int) w).putInt(branch.ratio()).putInt(branch.headsPerOffset(heads));
            bytes.putInt((int) segments)
                    .putInt((int) tilesOfSegment)
                    .putInt((int) tiles)
                    .putInt((int) kept)
                    .putInt(0);
            bytes.putLong(rows).putLong(paddedRows);
            for (int head = 0; head < heads; head++) {
                int at = index * MOST_HEADS + head;
                bytes.putInt(INNER + Integer.BYTES * at, (int) pairs.inner(index, head));
                bytes.put(BELOW + at, (byte) pairs.below(index, head));
            }
            tiles += tilesOfSegment * places;
            rows += index == base ? 0 : kept * places;
            index++;
            paddedRows += tilesOfSegment * tile * places;
            requireArgument(
                    tiles <= MOST_TILES
                            && rows <= Integer.MAX_VALUE
                            && batch * length <= Integer.MAX_VALUE
                            && segments * kept <= Integer.MAX_VALUE,
                    "attention kernel hopper counts up to 2^31 tiles and rows, too few for a batch of %d sequences of %d"
                            + " tokens; use a smaller batch or shorter sequences",
                    batch,
                    length);
        }
        this.tiles = (int) tiles;
        bytes.position(BRANCHES);
        bytes.putInt(index).putInt((int) tiles);
        bytes.putInt((int) batch)
                .putInt((int) length)
                .putInt(heads)
                .putInt((int) k.size(2))
                .putInt((int) q.size(3));
        bytes.putFloat((float) (spec.scale() * LOG2_E));
        bytes.putInt(BASE, base);
        bytes.rewind();
    }

    /** Rows of the compact results of all branches but the base. */
    long rows() {
        return rows;
    }

    /** Rows of all branches, with whole tiles in every segment, as statistics are kept. */
    long paddedRows() {
        return paddedRows;
    }

    int branches() {
        return bytes.getInt(BRANCHES);
    }

    /** The first tile of branch i among those of the launch; of all of them for the branch after the last. */
    int firstTile(int i) {
        return i == branches() ? tiles : bytes.getInt(BRANCH + i * BRANCH_BYTES + BRANCH_FIRST_TILE);
    }

    /** The launch ends before this tile. */
    void end(int tile) {
        bytes.putInt(TILES, tile);
    }

    /** Sets the numbers from one token's dk and dv to the next one's. */
    void rowK(long numbers) {
        bytes.putLong(ROW_K, numbers);
    }

    /** Sets a pointer, one of the offsets; of a null or an empty tensor it is a null pointer. */
    HopperParams set(int offset, Tensor tensor) {
        bytes.putLong(offset, tensor == null || tensor.numel() == 0 ? 0 : Tensors.address(tensor));
        return this;
    }

    /**
     * Maps a tensor for every branch: the row of residue n mod r and position n div r is row n. Where r does not divide N,
     * residues below N mod r have one position more and a map of their own, so that no load reaches beyond its example.
     *
     * @param tensor (B, N, heads, D), laid out as a map can say
     * @param which Q, K, V, DOUT or SUMS, of dq in float32
     * @param box rows of which a load takes 128 bytes
     */
    void map(int which, Tensor tensor, int box) {
        long batch = tensor.size(0), heads = tensor.size(2), dim = tensor.size(3);
        long row = tensor.stride(1), head = tensor.stride(2), example = tensor.stride(0);
        for (int i = 0; i < branches(); i++) {
            int r = bytes.getInt(BRANCH + i * BRANCH_BYTES + BRANCH_RATIO);
            for (int deep = 0; deep < MOST_DEPTHS; deep++) {
                long residues = deep == 1 ? length % r : r, positions = length / r + deep;
                if (residues > 0 && positions > 0) {
                    long[] shape = {dim, residues, positions, heads, batch};
                    long[] strides = {row, row * r, head, example};
                    int features = 128 / (int) tensor.element_size();
                    TensorMap.put(bytes, mapAt(which, i, deep), tensor, shape, strides, features, 1, box, 1, 1);
                }
            }
        }
    }

    /** The struct as a kernel's argument. */
    ByteBuffer bytes() {
        return bytes;
    }

    private static int mapAt(int which, int branch, int deep) {
        return ((which * MOST_BRANCHES + branch) * MOST_DEPTHS + deep) * TensorMap.BYTES;
    }
}
