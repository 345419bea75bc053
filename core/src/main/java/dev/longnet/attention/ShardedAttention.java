package dev.longnet.attention;

import dev.longnet.attention.AttentionKernel.Gradients;
import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.attention.ShardPlan.Far;
import dev.longnet.attention.ShardPlan.Part;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One rank's part of attention over a sequence that is cut into shards.
 *
 * <pre>
 * forward    1. start to send the kept rows of K and V of every segment that a border cuts
 *            2. attend within the shard by the given kernel
 *            3. attend to the rows that came, branch by branch, and join by log-sum-exp
 * backward   1. send the rows again, so that nothing is kept in between
 *            2. gradients of scores with far keys; start to send dK and dV back to where the keys are
 *            3. the given kernel's gradients, with merged out and lse; add what came back
 * </pre>
 *
 * <p>Both are exact: a softmax over near and far keys is the near one and the far one joined, and its gradient the sum of
 * theirs with merged out and lse.
 */
final class ShardedAttention {
    private final ShardPlan plan;
    private final RankGroup group;
    private final AttentionSpec spec;

    /** @param spec whose start is the shard's */
    ShardedAttention(ShardPlan plan, RankGroup group, AttentionSpec spec) {
        this.plan = plan;
        this.group = group;
        this.spec = spec;
    }

    /** Output and lse of the shard's queries over near and far keys. */
    Result forward(Tensor q, Tensor k, Tensor v, AttentionKernel kernel) {
        if (plan.isEmpty()) {
            return kernel.forward(q, k, v, spec);
        }
        try (Scope all = new Scope()) {
            ShardRows rows = rows(q, k);
            ShardRows.Underway sent = rows.send(k, v);
            Result near = kernel.forward(q, k, v, spec);
            sent.exchange().await();
            Map<Part, Tensor> received = rows.received(sent.rows());
            FarAttention attention = FarAttention.of(q, spec, true);
            for (FarBlock block : blocks(rows, q)) {
                try (Scope scope = new Scope()) {
                    Aten.Flash far = attention.attend(
                            block.queries(q), block.keys(received, 0), block.keys(received, 1), block.ratio());
                    Aten.Flash parts = new Aten.Flash(block.asView(far.out()), block.asView(far.lse()));
                    Merge.into(block.view(near.out()), block.viewOfLse(near.lse()), parts);
                }
            }
            return new Result(all.keep(near.out()), all.keep(near.lse()));
        }
    }

    /**
     * Adds what scores with far keys add to gradients.
     *
     * @param out merged, as {@link #forward} gives it
     * @param lse merged
     * @param near computes the gradients of scores within the shard, to which the others are added in place
     */
    Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, Supplier<Gradients> near) {
        if (plan.isEmpty()) {
            return near.get();
        }
        try (Scope all = new Scope()) {
            ShardRows rows = rows(q, k);
            ShardRows.Underway sent = rows.send(k, v);
            ScalarType wide = Tensors.type(k) == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
            Tensor gradients = rows.gradients(Tensors.like(k, wide));
            sent.exchange().await();
            Map<Part, Tensor> received = rows.received(sent.rows()), back = rows.received(gradients);
            FarAttention attention = FarAttention.of(q, spec, true);
            List<FarBlock> blocks = blocks(rows, q);
            List<Tensor> dqs = new ArrayList<>();
            for (FarBlock block : blocks) {
                try (Scope scope = new Scope()) {
                    Aten.FlashGradients far = attention.gradients(
                            block.queries(dout),
                            block.queries(q),
                            block.keys(received, 0),
                            block.keys(received, 1),
                            block.queries(out),
                            block.lse(lse),
                            block.ratio());
                    block.putGradients(far.dk(), back, 0);
                    block.putGradients(far.dv(), back, 1);
                    dqs.add(scope.keep(far.dq()));
                }
            }
            ShardRows.Underway returned = rows.sendBack(gradients);
            Gradients sum = near.get();
            for (int i = 0; i < dqs.size(); i++) {
                blocks.get(i).view(sum.dq()).add_(blocks.get(i).asView(dqs.get(i)));
            }
            returned.exchange().await();
            rows.addReturned(returned.rows(), sum.dk(), sum.dv());
            return new Gradients(all.keep(sum.dq()), all.keep(sum.dk()), all.keep(sum.dv()));
        }
    }

    private ShardRows rows(Tensor q, Tensor k) {
        return new ShardRows(plan, group, (int) q.size(2), k);
    }

    private List<FarBlock> blocks(ShardRows rows, Tensor q) {
        List<FarBlock> blocks = new ArrayList<>();
        for (Far far : plan.far(group.rank())) {
            blocks.addAll(FarBlock.of(far, rows.lanes(far.queries()), (int) q.size(2), spec.start()));
        }
        return blocks;
    }
}
