package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Scope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Attention of one rank's shard to the whole sequence; see {@link AttentionKernel#over}. */
final class ShardedKernel implements AttentionKernel {
    private final RankGroup group;
    private final SequenceShards shards;
    private final AttentionKernel kernel;
    private volatile ShardPlan plan;

    ShardedKernel(RankGroup group, SequenceShards shards, AttentionKernel kernel) {
        requireArgument(
                group.size() == shards.size(),
                "a sequence in %d shards needs as many ranks, not %d",
                shards.size(),
                group.size());
        this.group = group;
        this.shards = shards;
        this.kernel = kernel;
    }

    @Override
    public String name() {
        return kernel.name();
    }

    @Override
    public String obstacle(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return spec.lengths() == null
                ? kernel.obstacle(device, type, heads, headDim, near(spec))
                : "over several ranks takes examples of one length; leave the lengths out, or use one rank";
    }

    @Override
    public AttentionKernel on(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        AttentionKernel chosen = kernel.on(device, type, heads, headDim, near(spec));
        return chosen == kernel ? this : new ShardedKernel(group, shards, chosen);
    }

    /** What is computed within this rank's shard. */
    private AttentionSpec near(AttentionSpec spec) {
        return spec.withStart(shards.start(group.rank())).simplest(shards.count(group.rank()));
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        return attention(q, spec).forward(q, k, v, kernel);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        return attention(q, spec)
                .backward(dout, q, k, v, out, lse, () -> kernel.backward(dout, q, k, v, out, lse, spec));
    }

    @Override
    public Tensor backwardPacked(Tensor dout, Tensor packed, int heads, Tensor out, Tensor lse, AttentionSpec spec) {
        try (Scope scope = new Scope()) {
            PackedAttention.Parts parts = PackedAttention.Parts.of(packed, heads);
            Tensor[] gradient = new Tensor[1];
            attention(parts.q(), spec).backward(dout, parts.q(), parts.k(), parts.v(), out, lse, () -> {
                gradient[0] = scope.keep(kernel.backwardPacked(dout, packed, heads, out, lse, spec));
                PackedAttention.Parts d = PackedAttention.Parts.of(gradient[0], heads);
                return new Gradients(d.q(), d.k(), d.v());
            });
            return gradient[0];
        }
    }

    private ShardedAttention attention(Tensor q, AttentionSpec spec) {
        int rank = group.rank();
        requireArgument(
                spec.start() == shards.start(rank) && q.size(1) == shards.count(rank),
                "rank %d of %d holds %d tokens from position %d on, but attention was given %d from position %d on; give"
                        + " it the rank's shard",
                rank,
                group.size(),
                shards.count(rank),
                shards.start(rank),
                q.size(1),
                spec.start());
        Attention.requireFit(this, q, spec);
        ShardPlan last = plan;
        if (last == null || last.causal() != spec.causal() || !last.pattern().equals(spec.pattern())) {
            last = new ShardPlan(spec.pattern(), shards, spec.causal());
            plan = last;
        }
        return new ShardedAttention(last, group, spec);
    }
}
