package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The definition, written out: the control for every other kernel.
 *
 * <pre>
 * C_ij  = number of branches in which query i sees key j
 * s_ij  = scale · q_i·k_j + ln C_ij
 * lse_i = ln Σ_j exp(s_ij)          P_ij = exp(s_ij − lse_i)
 * out_i = Σ_j P_ij v_j
 *
 * dv_j  = Σ_i P_ij dout_i           Δ_i  = dout_i·out_i
 * ds_ij = P_ij (dout_i·v_j − Δ_i)
 * dq_i  = scale Σ_j ds_ij k_j       dk_j = scale Σ_i ds_ij q_i
 * </pre>
 *
 * It works in the type of its inputs, in float32 for narrower ones, and needs N × N numbers for one head at a time.
 */
final class ReferenceKernel implements AttentionKernel {
    private static final Scalar MINUS_INFINITY = Scope.own(new Scalar(Double.NEGATIVE_INFINITY));

    @Override
    public String name() {
        return "reference";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        if (spec.damping() != null) {
            Damped d = new Damped(q, k, spec);
            Result wide = forward(d.q, d.k, v.to(ScalarType.Double), spec.withDamping(null));
            return new Result(wide.out().to(Tensors.type(q)), wide.lse());
        }
        ScalarType type = wide(q);
        long batch = q.size(0), length = q.size(1);
        int heads = (int) q.size(2), group = heads / (int) k.size(2);
        Tensor out = Tensors.empty(Tensors.like(q), Tensors.shape(q));
        Tensor lse = Tensors.empty(Tensors.options(type, q.device()), batch, heads, length);
        for (int h = 0; h < heads; h++) {
            try (Scope head = new Scope()) {
                Tensor s = scores(head(q, h, type), head(k, h / group, type), h, heads, spec);
                Tensor lseHead = s.logsumexp(-1);
                Tensor p = probabilities(s, lseHead);
                out.select(2, h).copy_(p.matmul(head(v, h / group, type)));
                lse.select(1, h).copy_(lseHead);
            }
        }
        return new Result(out, lse);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        if (spec.damping() != null) {
            Damped d = new Damped(q, k, spec);
            Gradients g = backward(dout, d.q, d.k, v.to(ScalarType.Double), out, lse, spec.withDamping(null));
            ScalarType given = Tensors.type(q);
            return new Gradients(
                    g.dq().mul(d.qFactor).to(given), g.dk().mul(d.kFactor).to(given), g.dv().to(given));
        }
        ScalarType type = wide(q);
        int heads = (int) q.size(2), group = heads / (int) k.size(2);
        Scalar scale = new Scalar(spec.scale());
        Tensor dq = Tensors.zeros(Tensors.options(type, q.device()), Tensors.shape(q));
        Tensor dk = Tensors.zeros(Tensors.options(type, q.device()), Tensors.shape(k));
        Tensor dv = Tensors.zeros(Tensors.options(type, q.device()), Tensors.shape(v));
        for (int h = 0; h < heads; h++) {
            try (Scope head = new Scope()) {
                Tensor qh = head(q, h, type), kh = head(k, h / group, type), vh = head(v, h / group, type);
                Tensor doutH = head(dout, h, type);
                Tensor p = probabilities(scores(qh, kh, h, heads, spec), lse.select(1, h));
                Tensor delta = doutH.mul(head(out, h, type)).sum(-1).unsqueeze(-1);
                Tensor ds = p.mul(doutH.matmul(vh.transpose(1, 2)).sub(delta)).mul(scale);
                dq.select(2, h).add_(ds.matmul(kh));
                dk.select(2, h / group).add_(ds.transpose(1, 2).matmul(qh));
                dv.select(2, h / group).add_(p.transpose(1, 2).matmul(doutH));
            }
        }
        ScalarType given = Tensors.type(q);
        return new Gradients(dq.to(given), dk.to(given), dv.to(given));
    }

    /** Queries and keys with xPos factors around the middle of the whole sequence, in float64, which spans them. */
    private static final class Damped {
        final Tensor qFactor;
        final Tensor kFactor;
        final Tensor q;
        final Tensor k;

        Damped(Tensor q, Tensor k, AttentionSpec spec) {
            Damping damping = new Damping(spec.damping());
            Tensor wideQ = q.to(ScalarType.Double), wideK = k.to(ScalarType.Double);
            Damping.Part all = new Damping.Part(0, q.size(1), 0, k.size(1), true);
            qFactor = damping.ofQueries(all, 1, wideQ).unsqueeze(1); // (N, 1, D)
            kFactor = damping.ofKeys(all, 1, wideK).unsqueeze(1);
            this.q = wideQ.mul(qFactor);
            this.k = wideK.mul(kFactor);
        }
    }

    /** scale · q kᵀ + ln C, (B, N, N); −∞ where nothing is seen, were q kᵀ too large for a number there. */
    private static Tensor scores(Tensor q, Tensor k, int head, int heads, AttentionSpec spec) {
        Tensor count = counts(q, head, heads, spec);
        Tensor s = q.matmul(k.transpose(1, 2)).mul(new Scalar(spec.scale())).add(count.log());
        return s.masked_fill(count.eq(new Scalar(0.0)), MINUS_INFINITY);
    }

    /** exp(s − lse), where a row that sees nothing gives zeros. */
    private static Tensor probabilities(Tensor s, Tensor lse) {
        Tensor seen = lse.ne(MINUS_INFINITY);
        return s.sub(lse.masked_fill(seen.logical_not(), new Scalar(0.0)).unsqueeze(-1))
                .exp();
    }

    /** C, (N, N), or (B, N, N) when examples end early; in the type of q. */
    private static Tensor counts(Tensor q, int head, int heads, AttentionSpec spec) {
        long length = q.size(1);
        Device device = q.device();
        Tensor position = Tensors.range(spec.start(), spec.start() + length, Tensors.options(ScalarType.Long, device));
        Tensor query = position.unsqueeze(1), key = position.unsqueeze(0);
        Tensor count = Tensors.zeros(Tensors.like(q), length, length);
        for (Branch branch : spec.pattern().branches()) {
            Scalar w = new Scalar(branch.segment()), r = new Scalar(branch.ratio());
            Tensor segment = position.floor_divide(w);
            Tensor kept = position.remainder(w).remainder(r).eq(new Scalar((long) branch.offset(head, heads)));
            Tensor together = segment.unsqueeze(1).eq(segment.unsqueeze(0));
            count.add_(together.logical_and(kept.unsqueeze(1)).logical_and(kept.unsqueeze(0)));
        }
        if (spec.causal()) {
            count.mul_(query.ge(key));
        }
        if (spec.ragged(length)) {
            Tensor ends = Tensors.of(spec.lengths(), device).add(new Scalar(spec.start()));
            Tensor inside = position.unsqueeze(0).lt(ends.unsqueeze(1));
            return count.unsqueeze(0).mul(inside.unsqueeze(1)).mul(inside.unsqueeze(2));
        }
        return count;
    }

    /** One head of (B, N, H, D) as (B, N, D). */
    private static Tensor head(Tensor tensor, int head, ScalarType type) {
        return tensor.select(2, head).to(type);
    }

    private static ScalarType wide(Tensor tensor) {
        return Tensors.type(tensor) == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
    }
}
