package dev.longnet.verify;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.attention.SequenceShards;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Attention over several ranks that all hold the whole sequence: each computes its shard by a kernel, and what they give
 * is put together on all of them, so that it can be held against what one device gives.
 */
final class WholeKernel implements AttentionKernel {
    private final RankGroup group;
    private final AttentionKernel kernel;

    WholeKernel(RankGroup group, AttentionKernel kernel) {
        this.group = group;
        this.kernel = kernel;
    }

    @Override
    public String name() {
        return kernel.name();
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        SequenceShards shards = shards(q, spec);
        Result mine =
                over(shards).forward(part(q, 1, shards), part(k, 1, shards), part(v, 1, shards), stretch(spec, shards));
        return new Result(gather(mine.out(), 1, shards), gather(mine.lse(), 2, shards));
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        SequenceShards shards = shards(q, spec);
        Gradients mine = over(shards)
                .backward(
                        part(dout, 1, shards),
                        part(q, 1, shards),
                        part(k, 1, shards),
                        part(v, 1, shards),
                        part(out, 1, shards),
                        part(lse, 2, shards),
                        stretch(spec, shards));
        return new Gradients(gather(mine.dq(), 1, shards), gather(mine.dk(), 1, shards), gather(mine.dv(), 1, shards));
    }

    private SequenceShards shards(Tensor q, AttentionSpec spec) {
        return SequenceShards.of(spec.pattern(), q.size(1), group.size());
    }

    private AttentionKernel over(SequenceShards shards) {
        return AttentionKernel.over(group, shards, kernel);
    }

    private AttentionSpec stretch(AttentionSpec spec, SequenceShards shards) {
        return spec.withStart(shards.start(group.rank()));
    }

    private Tensor part(Tensor whole, int dimension, SequenceShards shards) {
        return whole.narrow(dimension, shards.start(group.rank()), shards.count(group.rank()));
    }

    private Tensor gather(Tensor shard, int dimension, SequenceShards shards) {
        return gather(group, shard, dimension, shards);
    }

    /** The shards of all ranks along a dimension. */
    static Tensor gather(RankGroup group, Tensor shard, int dimension, SequenceShards shards) {
        Tensor[] parts = new Tensor[group.size()];
        for (int rank = 0; rank < parts.length; rank++) {
            long[] shape = Tensors.shape(shard);
            shape[dimension] = shards.count(rank);
            parts[rank] = Tensors.empty(Tensors.like(shard), shape);
            if (rank == group.rank()) {
                parts[rank].copy_(shard);
            }
            group.broadcast(parts[rank], rank).await();
        }
        return Tensors.cat(dimension, parts);
    }
}
