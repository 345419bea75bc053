package dev.longnet.attention;

import dev.longnet.attention.ShardPlan.Far;
import dev.longnet.attention.ShardPlan.Part;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * Heads of a branch whose queries in a segment see equally many keys of other shards, so that one call attends for all.
 *
 * <p>B batch, N length of the shard, H query heads, h those of the block, D head dimension. The heads are neighbours, g of
 * each of the residues [from, to); each has {@code rows} queries here and {@code keys} keys elsewhere.
 */
final class FarBlock {
    private final Far far;
    private final Lanes lanes;
    private final long start;
    private final int from;
    private final int residues;
    private final int firstHead;
    private final int group;
    private final long rows;
    private final long[] keys;
    private final long[] keysAt;

    /**
     * @param heads H
     * @param start position of the shard's first token
     * @param keysAt of each part of the keys, rows of its lanes before the block's
     */
    private FarBlock(Far far, Lanes lanes, int heads, long start, int from, int to, long[] keysAt) {
        int step = lanes.branch().headsPerOffset(heads);
        this.far = far;
        this.lanes = lanes;
        this.start = start;
        this.from = from;
        this.keysAt = keysAt;
        residues = to - from;
        firstHead = from * step;
        group = (Math.min(to * step, heads) - firstHead) / residues;
        rows = lanes.rows(far.queries(), from);
        keys = far.keys().stream().mapToLong(part -> lanes.rows(part, from)).toArray();
    }

    /**
     * The blocks of some queries; heads without a query or without a key far away have none.
     *
     * @param start position of the shard's first token
     */
    static List<FarBlock> of(Far far, Lanes lanes, int heads, long start) {
        int[] cuts = lanes.cuts(Stream.concat(Stream.of(far.queries()), far.keys().stream())
                .flatMap(part -> Stream.of(part.from() - part.segment(), part.to() - part.segment()))
                .mapToLong(place -> place)
                .toArray());
        long[] at = new long[far.keys().size()];
        List<FarBlock> blocks = new ArrayList<>();
        for (int c = 0; c + 1 < cuts.length; c++) {
            FarBlock block = new FarBlock(far, lanes, heads, start, cuts[c], cuts[c + 1], at.clone());
            if (block.rows > 0 && block.keyRows() > 0) {
                blocks.add(block);
            }
            for (int i = 0; i < at.length; i++) {
                at[i] += block.laneCount() * block.keys[i];
            }
        }
        return blocks;
    }

    int ratio() {
        return lanes.branch().ratio();
    }

    /** Keys of each head elsewhere. */
    long keyRows() {
        return Arrays.stream(keys).sum();
    }

    private long heads() {
        return (long) residues * group;
    }

    private long position() {
        return lanes.firstRow(far.queries(), from) - start;
    }

    /** The block's rows of the shard's (B, N, H, D), as a view (B, residues, g, rows, D). */
    Tensor view(Tensor tensor) {
        long e = tensor.stride(0), p = tensor.stride(1), h = tensor.stride(2);
        return Tensors.strided(
                tensor,
                new long[] {tensor.size(0), residues, group, rows, tensor.size(3)},
                new long[] {e, p + group * h, h, ratio() * p, tensor.stride(3)},
                position() * p + firstHead * h);
    }

    /** The block's rows of the shard's (B, H, N), as a view (B, residues, g, rows). */
    Tensor viewOfLse(Tensor tensor) {
        long e = tensor.stride(0), h = tensor.stride(1), p = tensor.stride(2);
        return Tensors.strided(
                tensor,
                new long[] {tensor.size(0), residues, group, rows},
                new long[] {e, p + group * h, h, ratio() * p},
                position() * p + firstHead * h);
    }

    /** The block's rows of the shard's (B, N, H, D), (B, h, rows, D). */
    Tensor queries(Tensor tensor) {
        return view(tensor).flatten(1, 2);
    }

    /** The block's rows of the shard's (B, H, N), (B, h, rows). */
    Tensor lse(Tensor tensor) {
        return viewOfLse(tensor).flatten(1, 2);
    }

    /** (B, h, …) as the views have it, (B, residues, g, …). */
    Tensor asView(Tensor tensor) {
        return tensor.unflatten(1, residues, group);
    }

    /**
     * Keys or values (B, h, keys, D) of received parts.
     *
     * @param which 0 for keys, 1 for values
     */
    Tensor keys(Map<Part, Tensor> received, int which) {
        Tensor all = Tensors.cat(2, parts(received, which));
        return sharesLanes() ? all.index_select(1, laneOfHead(all)) : all;
    }

    /** The block's rows (B, h, keys, D) of a tensor (B, H, rows, D) of the segment's kept rows of every head. */
    Tensor rowsOf(Tensor all) {
        return all.narrow(1, firstHead, heads()).narrow(2, 0, keyRows());
    }

    /** Writes gradients of keys or values (B, h, keys, D) to where these were received. */
    void putGradients(Tensor gradient, Map<Part, Tensor> received, int which) {
        Tensor[] parts = parts(received, which);
        Tensor ofLanes = gradient.to(Tensors.type(parts[0]));
        if (sharesLanes()) {
            Tensor sum = Tensors.zeros(
                    Tensors.like(ofLanes), gradient.size(0), laneCount(), gradient.size(2), gradient.size(3));
            ofLanes = sum.index_add_(1, laneOfHead(gradient), ofLanes);
        }
        long at = 0;
        for (Tensor part : parts) {
            part.copy_(ofLanes.narrow(2, at, part.size(2)));
            at += part.size(2);
        }
    }

    /** Views (B, lanes, keys, D) of the parts. */
    private Tensor[] parts(Map<Part, Tensor> received, int which) {
        Tensor[] parts = new Tensor[keys.length];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = received.get(far.keys().get(i))
                    .select(0, which)
                    .narrow(1, keysAt[i], laneCount() * keys[i])
                    .unflatten(1, laneCount(), keys[i]);
        }
        return parts;
    }

    private int firstLane() {
        return lanes.first(from);
    }

    private int laneCount() {
        return lanes.first(from + residues) - firstLane();
    }

    /** Whether query heads share keys. */
    private boolean sharesLanes() {
        return laneCount() < heads();
    }

    private Tensor laneOfHead(Tensor like) {
        long[] lane = new long[(int) heads()];
        Arrays.setAll(lane, i -> lanes.ofHead(firstHead + i) - firstLane());
        return Tensors.of(lane, like.device());
    }
}
