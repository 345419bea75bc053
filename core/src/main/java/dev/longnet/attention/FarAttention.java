package dev.longnet.attention;

import dev.longnet.attention.Damping.Part;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention to keys that all lie before the queries, or that all queries may see: blockwise where the device can, as
 * {@link AtenKernel} uses it, and else with all scores at once, in float32 or wider.
 *
 * <p>q, out, dout and dq are (B, h, rows, D), k, v, dk and dv (B, h, keys, D), lse (B, h, rows). Where scores fade, keys
 * and queries are the kept rows of a segment without a gap, {@code ratio} positions apart.
 */
final class FarAttention {
    private final AtenDevice device;
    private final double scale;
    private final Damping damping;
    private final boolean again;

    /**
     * @param device null for all scores at once
     * @param again whether the same shapes come again, in every layer and step
     */
    FarAttention(AtenDevice device, double scale, Damping damping, boolean again) {
        this.device = device;
        this.scale = scale;
        this.damping = damping;
        this.again = again;
    }

    /**
     * For queries (B, N, H, D) like these.
     *
     * @param again whether the same shapes come again, in every layer and step, and of two keys or more are worth a plan of
     *     cuDNN's
     */
    static FarAttention of(Tensor q, AttentionSpec spec, boolean again) {
        String obstacle = AttentionKernel.ATEN.obstacle(q.device(), Tensors.type(q), q.size(2), q.size(3), spec);
        return new FarAttention(
                obstacle == null ? AtenDevice.of(q) : null, spec.scale(), new Damping(spec.damping()), again);
    }

    /** Where what fades is in the keys already. */
    static FarAttention undamped(Tensor q, AttentionSpec spec) {
        return of(q, spec.withDamping(null), false);
    }

    Aten.Flash attend(Tensor q, Tensor k, Tensor v, int ratio) {
        Tensor queries = ready(q), keys = ready(k), values = ready(v);
        List<Tensor> outs = new ArrayList<>(), lses = new ArrayList<>();
        for (Part part : damping.later(keys.size(2), queries.size(2), ratio)) {
            Aten.Flash attended = attend(
                    AtenKernel.times(rows(queries, part), damping.ofQueries(part, ratio, queries)),
                    AtenKernel.times(keys, damping.ofKeys(part, ratio, keys)),
                    values);
            outs.add(attended.out());
            lses.add(attended.lse());
        }
        return new Aten.Flash(joined(outs), joined(lses));
    }

    /** The gradient of {@link #attend} for merged out and lse. */
    Aten.FlashGradients gradients(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, int ratio) {
        Tensor queries = ready(q), keys = ready(k), values = ready(v), doutReady = ready(dout), outReady = ready(out);
        ScalarType wide = Tensors.type(queries) == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
        List<Tensor> dq = new ArrayList<>();
        Tensor dk = null, dv = null;
        for (Part part : damping.later(keys.size(2), queries.size(2), ratio)) {
            Tensor qFactor = damping.ofQueries(part, ratio, queries), kFactor = damping.ofKeys(part, ratio, keys);
            Aten.FlashGradients g = gradients(
                    rows(doutReady, part),
                    AtenKernel.times(rows(queries, part), qFactor),
                    AtenKernel.times(keys, kFactor),
                    values,
                    rows(outReady, part),
                    rows(lse.to(wide), part));
            dq.add(AtenKernel.times(g.dq(), qFactor));
            Tensor dkPart = AtenKernel.times(g.dk(), kFactor);
            dk = dk == null ? dkPart : dk.add(dkPart);
            dv = dv == null ? g.dv() : dv.add(g.dv());
        }
        return new Aten.FlashGradients(joined(dq), dk, dv);
    }

    private Aten.Flash attend(Tensor q, Tensor k, Tensor v) {
        if (device == null) {
            Tensor scores = scores(q, k), lse = scores.logsumexp(-1);
            return new Aten.Flash(scores.sub(lse.unsqueeze(-1)).exp().matmul(v), lse);
        }
        // The products of one query are too small for threads of BLAS, and setting their number takes longer than
        // attention.
        try (var attending = q.size(2) == 1 ? null : device.whileAttending()) {
            return device.attend(q, k, v, false, scale, again && k.size(2) > 1);
        }
    }

    private Aten.FlashGradients gradients(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse) {
        if (device == null) {
            Tensor p = scores(q, k).sub(lse.unsqueeze(-1)).exp();
            Tensor delta = dout.mul(out).sum(-1).unsqueeze(-1);
            Tensor ds = Ops.times(p.mul(dout.matmul(v.transpose(2, 3)).sub(delta)), scale);
            return new Aten.FlashGradients(
                    ds.matmul(k),
                    ds.transpose(2, 3).matmul(q),
                    p.transpose(2, 3).matmul(dout));
        }
        try (var attending = device.whileAttending()) {
            return device.gradients(dout, q, k, v, out, lse, false, scale, again && k.size(2) > 1);
        }
    }

    private Tensor scores(Tensor q, Tensor k) {
        return Ops.times(q.matmul(k.transpose(2, 3)), scale);
    }

    private Tensor ready(Tensor tensor) {
        if (device != null) {
            return device.rows(tensor);
        }
        return Tensors.type(tensor) == ScalarType.Double ? tensor : tensor.to(ScalarType.Float);
    }

    /** The part's rows of queries, of which the first is the part's row {@code keys}. */
    private static Tensor rows(Tensor queries, Part part) {
        return part.rows() == queries.size(2) ? queries : queries.narrow(2, part.from() - part.keys(), part.rows());
    }

    private static Tensor joined(List<Tensor> parts) {
        return parts.size() == 1 ? parts.get(0) : Tensors.cat(2, parts.toArray(Tensor[]::new));
    }
}
