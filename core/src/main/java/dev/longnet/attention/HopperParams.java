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
    static final int Q = 0, K = 1, V = 2, DOUT = 3;

    private static final int MAPPED = 4;
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
    static final int OUT = NEXT + 8;
    static final int LSE = OUT + 8;
    static final int STATS = LSE + 8;
    static final int DQ = STATS + 8;
    static final int DK = DQ + 8;
    static final int DV = DK + 8;
    static final int TURN = DV + 8;
    static final int BYTES = (TURN + 8 + 63) / 64 * 64;

    private static final double LOG2_E = 1.4426950408889634;

    private final ByteBuffer bytes;
    private final long length;
    private long rows;
    private long paddedRows;

    /**
     * Counts tiles of {@code tile} rows.
     *
     * @param q (B, N, H, D)
     * @param k (B, N, Hk, D)
     */
    HopperParams(Tensor q, Tensor k, AttentionSpec spec, int tile) {
        bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.nativeOrder());
        length = q.size(1);
        long batch = q.size(0);
        int heads = (int) q.size(2), index = 0;
        long tiles = 0;
        for (Branch branch : spec.pattern().branches()) {
            long w = Math.min(branch.segment(), length), segments = (length + w - 1) / w;
            long kept = (w + branch.ratio() - 1) / branch.ratio(), places = batch * heads * segments;
            long tilesOfSegment = (kept + tile - 1) / tile;
            bytes.position(BRANCH + index++ * BRANCH_BYTES);
            bytes.putInt((int) w).putInt(branch.ratio()).putInt(branch.headsPerOffset(heads));
            bytes.putInt((int) segments)
                    .putInt((int) tilesOfSegment)
                    .putInt((int) tiles)
                    .putInt((int) kept)
                    .putInt(0);
            bytes.putLong(rows).putLong(paddedRows);
            tiles += tilesOfSegment * places;
            rows += kept * places;
            paddedRows += tilesOfSegment * tile * places;
            requireArgument(
                    tiles <= Integer.MAX_VALUE && segments * kept <= Integer.MAX_VALUE,
                    "attention kernel hopper counts up to 2^31 tiles and rows, too few for a batch of %d sequences of %d"
                            + " tokens; use a smaller batch or shorter sequences",
                    batch,
                    length);
        }
        bytes.position(BRANCHES);
        bytes.putInt(index).putInt((int) tiles);
        bytes.putInt((int) batch)
                .putInt((int) length)
                .putInt(heads)
                .putInt((int) k.size(2))
                .putInt((int) q.size(3));
        bytes.putFloat((float) (spec.scale() * LOG2_E));
        bytes.rewind();
    }

    private HopperParams(HopperParams other) {
        bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.nativeOrder()).put(0, other.bytes, 0, BYTES);
        length = other.length;
    }

    /** Rows of the compact results of all branches. */
    long rows() {
        return rows;
    }

    /** The same with whole tiles in every segment, as statistics are kept. */
    long paddedRows() {
        return paddedRows;
    }

    int branches() {
        return bytes.getInt(BRANCHES);
    }

    /** Sets a pointer, one of the offsets; a null tensor is a null pointer. */
    HopperParams set(int offset, Tensor tensor) {
        bytes.putLong(offset, tensor == null ? 0 : Tensors.address(tensor));
        return this;
    }

    /**
     * Maps a tensor for every branch: the row of residue n mod r and position n div r is row n. Where r does not divide N,
     * residues below N mod r have one position more and a map of their own, so that no load reaches beyond its example.
     *
     * @param tensor (B, N, heads, D), laid out as a map can say
     * @param which Q, K, V or DOUT
     * @param box rows that a load takes
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
                    TensorMap.put(bytes, mapAt(which, i, deep), tensor, shape, strides, 64, 1, box, 1, 1);
                }
            }
        }
    }

    /** The struct with branch i alone, its rows where they were. */
    HopperParams only(int i) {
        HopperParams one = new HopperParams(this);
        for (int which = 0; which < MAPPED; which++) {
            one.bytes.put(mapAt(which, 0, 0), bytes, mapAt(which, i, 0), MOST_DEPTHS * TensorMap.BYTES);
        }
        int from = BRANCH + i * BRANCH_BYTES, next = from + BRANCH_BYTES;
        int end = i + 1 < branches() ? bytes.getInt(next + BRANCH_FIRST_TILE) : bytes.getInt(TILES);
        one.bytes.put(BRANCH, bytes, from, BRANCH_BYTES);
        one.bytes.putInt(BRANCH + BRANCH_FIRST_TILE, 0);
        one.bytes.putInt(BRANCHES, 1).putInt(TILES, end - bytes.getInt(from + BRANCH_FIRST_TILE));
        return one;
    }

    /** The struct as a kernel's argument. */
    ByteBuffer bytes() {
        return bytes;
    }

    private static int mapAt(int which, int branch, int deep) {
        return ((which * MOST_BRANCHES + branch) * MOST_DEPTHS + deep) * TensorMap.BYTES;
    }
}
