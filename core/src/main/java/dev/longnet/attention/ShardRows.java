package dev.longnet.attention;

import dev.longnet.attention.ShardPlan.Part;
import dev.longnet.ranks.Exchange;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;

/**
 * Rows of keys and values on their way between shards.
 *
 * <p>A part, R rows of one segment, is packed as (2, B, R, D), keys before values, its rows lane by lane. A rank's parts
 * lie one after another in one tensor (rows, D), by rank and then in the plan's order, so that one exchange sends them all.
 */
final class ShardRows {
    private final ShardPlan plan;
    private final RankGroup group;
    private final List<Lanes> lanes;
    private final long batch;
    private final long dim;

    /** @param k (B, N, Hk, D) */
    ShardRows(ShardPlan plan, RankGroup group, int heads, Tensor k) {
        this.plan = plan;
        this.group = group;
        lanes = plan.lanes(heads, (int) k.size(2));
        batch = k.size(0);
        dim = k.size(3);
    }

    Lanes lanes(Part part) {
        return lanes.get(part.branch());
    }

    /** Packed rows under way from other ranks, or back to this one. */
    record Underway(Tensor rows, Exchange exchange) {}

    /** Starts to send keys and values to where they are seen. */
    Underway send(Tensor k, Tensor v) {
        long[] sent = counts(true), received = counts(false);
        Tensor in = Tensors.empty(Tensors.like(k), sum(sent), dim);
        Map<Part, Tensor> packed = new LinkedHashMap<>();
        forEachChunk(in, true, (part, chunk) -> {
            Tensor same = packed.putIfAbsent(part, chunk);
            if (same != null) {
                chunk.copy_(same);
                return;
            }
            forEachRun(part, k, chunk.select(0, 0), (rows, lanes) -> lanes.copy_(rows));
            forEachRun(part, v, chunk.select(0, 1), (rows, lanes) -> lanes.copy_(rows));
        });
        Tensor out = Tensors.empty(Tensors.like(k), sum(received), dim);
        return new Underway(out, group.allToAll(out, in, received, sent));
    }

    /** Zeros for the gradients of what was received. */
    Tensor gradients(TensorOptions options) {
        return Tensors.zeros(options, sum(counts(false)), dim);
    }

    /** Starts to send gradients back to the rows' owners. */
    Underway sendBack(Tensor gradients) {
        long[] sent = counts(true), received = counts(false);
        Tensor out = Tensors.empty(Tensors.like(gradients), sum(sent), dim);
        return new Underway(out, group.allToAll(out, gradients, sent, received));
    }

    /** Adds gradients that came back, those of one row together, to dk and dv (B, N, Hk, D). */
    void addReturned(Tensor returned, Tensor dk, Tensor dv) {
        Map<Part, Tensor> sums = new LinkedHashMap<>();
        forEachChunk(returned, true, (part, chunk) -> {
            Tensor sum = sums.putIfAbsent(part, chunk);
            if (sum != null) {
                sum.add_(chunk);
            }
        });
        sums.forEach((part, sum) -> {
            forEachRun(part, dk, sum.select(0, 0), Tensor::add_);
            forEachRun(part, dv, sum.select(0, 1), Tensor::add_);
        });
    }

    /** The parts in a tensor of received rows, each (2, B, R, D). */
    Map<Part, Tensor> received(Tensor rows) {
        Map<Part, Tensor> parts = new LinkedHashMap<>();
        forEachChunk(rows, false, parts::put);
        return parts;
    }

    /** Rows of D numbers that go to every rank, or come from it. */
    private long[] counts(boolean sent) {
        long[] counts = new long[group.size()];
        for (int other = 0; other < counts.length; other++) {
            for (Part part : parts(other, sent)) {
                counts[other] += 2 * batch * lanes(part).rows(part);
            }
        }
        return counts;
    }

    private List<Part> parts(int other, boolean sent) {
        return sent ? plan.parts(group.rank(), other) : plan.parts(other, group.rank());
    }

    private void forEachChunk(Tensor rows, boolean sent, BiConsumer<Part, Tensor> action) {
        List<Part> all = new ArrayList<>();
        for (int other = 0; other < group.size(); other++) {
            all.addAll(parts(other, sent));
        }
        long at = 0;
        for (Part part : all) {
            long count = lanes(part).rows(part);
            action.accept(part, rows.narrow(0, at, 2 * batch * count).view(2, batch, count, dim));
            at += 2 * batch * count;
        }
    }

    /**
     * Visits the rows of one of this rank's parts, as views (B, ·, ·, rows, D) of a tensor (B, N, Hk, D) of the shard and of
     * the packed rows (B, R, D).
     */
    private void forEachRun(Part part, Tensor tensor, Tensor packed, BiConsumer<Tensor, Tensor> action) {
        long[] at = {0};
        lanes(part).forEachRun(part, plan.shards().start(group.rank()), tensor, (rows, lane, lanes, row) -> {
            long count = lanes * rows.size(3);
            action.accept(rows, packed.narrow(1, at[0], count).unflatten(1, rows.size(1), rows.size(2), rows.size(3)));
            at[0] += count;
        });
    }

    private static long sum(long[] counts) {
        long sum = 0;
        for (long count : counts) {
            sum += count;
        }
        return sum;
    }
}
