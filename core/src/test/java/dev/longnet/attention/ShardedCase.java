package dev.longnet.attention;

import dev.longnet.attention.AttentionKernel.Gradients;
import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.ranks.ThreadRanks;
import dev.longnet.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Attention and its gradient over a whole sequence, computed by one rank or by several that are threads. */
public record ShardedCase(Tensor q, Tensor k, Tensor v, Tensor dout, AttentionSpec spec) {
    /** Of the whole sequence: out, dq (B, N, H, D), dk, dv (B, N, Hk, D), lse (B, H, N). */
    public record Answers(Tensor out, Tensor lse, Tensor dq, Tensor dk, Tensor dv) {
        /** ‖a − b‖ / ‖b‖ of each of them. */
        public Map<String, Double> errors(Answers exact) {
            Map<String, Double> errors = new LinkedHashMap<>();
            errors.put("out", Tensors.relativeError(out, exact.out));
            errors.put("lse", Tensors.relativeError(finite(lse), finite(exact.lse)));
            errors.put("dq", Tensors.relativeError(dq, exact.dq));
            errors.put("dk", Tensors.relativeError(dk, exact.dk));
            errors.put("dv", Tensors.relativeError(dv, exact.dv));
            return errors;
        }

        /** −∞ where a query sees nothing; both must have it in the same places. */
        private static Tensor finite(Tensor lse) {
            return lse.masked_fill(lse.isinf(), new Scalar(-30.0));
        }
    }

    /** By one rank. */
    public Answers whole(AttentionKernel kernel) {
        Result r = Attention.forward(q, k, v, spec, kernel);
        Gradients g = kernel.backward(dout, q, k, v, r.out(), r.lse(), spec);
        return new Answers(r.out(), r.lse(), g.dq(), g.dk(), g.dv());
    }

    /** By one rank a shard. */
    public Answers over(SequenceShards shards, AttentionKernel kernel) {
        Answers all = new Answers(
                Tensors.emptyLike(q.contiguous()),
                Tensors.empty(lseOptions(), q.size(0), q.size(2), q.size(1)),
                Tensors.emptyLike(q.contiguous()),
                Tensors.emptyLike(k.contiguous()),
                Tensors.emptyLike(v.contiguous()));
        ThreadRanks.run(shards.size(), group -> {
            int rank = group.rank();
            AttentionKernel over = AttentionKernel.over(group, shards, kernel);
            AttentionSpec here = spec.withStart(shards.start(rank));
            Tensor q = part(this.q, 1, shards, rank), k = part(this.k, 1, shards, rank);
            Tensor v = part(this.v, 1, shards, rank), dout = part(this.dout, 1, shards, rank);
            Result r = Attention.forward(q, k, v, here, over);
            Gradients g = over.backward(dout, q, k, v, r.out(), r.lse(), here);
            part(all.out, 1, shards, rank).copy_(r.out());
            part(all.lse, 2, shards, rank).copy_(r.lse());
            part(all.dq, 1, shards, rank).copy_(g.dq());
            part(all.dk, 1, shards, rank).copy_(g.dk());
            part(all.dv, 1, shards, rank).copy_(g.dv());
        });
        return all;
    }

    private org.bytedeco.pytorch.TensorOptions lseOptions() {
        return Tensors.like(q, Tensors.type(q) == ScalarType.Double ? ScalarType.Double : ScalarType.Float);
    }

    /** A rank's shard of a tensor with the sequence along this axis. */
    static Tensor part(Tensor tensor, int axis, SequenceShards shards, int rank) {
        return tensor.narrow(axis, shards.start(rank), shards.count(rank));
    }
}
