package dev.longnet.model;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.PackedAttention;
import dev.longnet.tensor.Activation;
import dev.longnet.tensor.ColumnSums;
import dev.longnet.tensor.Dropout;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.MasterWeights;
import dev.longnet.tensor.MatrixProducts;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.RowNorm;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * A {@link Block} in bfloat16, its gradient written out: weights are rounded once a step, their gradients add up in
 * float32 where they are kept, and a pass over memory does all that it can.
 *
 * <p>All of it but attention is row by row, before attention and after it, and is done for some rows at a time, so that
 * where activations are not kept no tensor as wide as the feed-forward layer exists of a long sequence. B batch, N length, E embedding, T some of the
 * B·N rows.
 */
final class RowBlock {
    private final DilatedAttention attention;
    private final MasterWeights packedWeight;
    private final MasterWeights packedBias;
    private final MasterWeights outWeight;
    private final MasterWeights outBias;
    private final RowNorm attentionNorm;
    private final RowNorm innerNorm;
    private final RowNorm feedForwardNorm;
    private final RowFeedForward feedForward;
    private final long rowsAtOnce;

    /** @param rowsAtOnce rows whose activations exist at once where they are not kept */
    RowBlock(Block block, long rowsAtOnce) {
        this.rowsAtOnce = rowsAtOnce;
        attention = block.attention();
        var q = attention.qProjection();
        var k = attention.kProjection();
        var v = attention.vProjection();
        packedWeight = new MasterWeights(q.weight(), k.weight(), v.weight());
        packedBias = new MasterWeights(q.bias(), k.bias(), v.bias());
        outWeight = new MasterWeights(attention.outProjection().weight());
        outBias = new MasterWeights(attention.outProjection().bias());
        attentionNorm = new RowNorm(block.attentionNorm(), Activation.NONE);
        innerNorm = attention.innerNorm() == null ? null : new RowNorm(attention.innerNorm(), Activation.NONE);
        feedForwardNorm = new RowNorm(block.feedForwardNorm(), Activation.NONE);
        feedForward = new RowFeedForward(block.feedForward());
    }

    /** What is rounded once a step. */
    List<MasterWeights> weights() {
        List<MasterWeights> weights = new ArrayList<>(List.of(packedWeight, packedBias, outWeight, outBias));
        weights.addAll(feedForward.weights());
        return weights;
    }

    /**
     * The block's result, x (B, N, E) → (B, N, E).
     *
     * @param kept takes what the backward pass needs beside x, or null to compute it again then
     */
    Tensor forward(Tensor x, DilatedAttention.Call call, double dropout, KeptRows kept) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor packed = project(x, kept);
            AttentionKernel.Result attended = attention.packed(call).forward(packed);
            if (kept == null) {
                packed.close();
            } else {
                kept.attended(packed, attended);
            }
            Tensor y = Tensors.emptyLike(x);
            Tensor xs = x.flatten(0, 1), heads = heads(attended.out()), ys = y.flatten(0, 1);
            forRows(xs, (i, at, count) -> {
                KeptRows.After after = after(part(xs, at, count), part(heads, at, count), dropout);
                finish(after, part(ys, at, count));
                if (kept != null) {
                    kept.add(after);
                }
            });
            return scope.keep(y);
        }
    }

    /**
     * The gradient of x; adds those of the weights.
     *
     * @param dy gradient of the result (B, N, E), contiguous
     * @param kept what {@link #forward} kept, or null when it kept nothing
     */
    Tensor backward(Tensor dy, Tensor x, DilatedAttention.Call call, double dropout, KeptRows kept) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor xs = x.flatten(0, 1), dsum = like(xs);
            Tensor dpacked = attentionBackward(dy, x, dsum, call, dropout, kept);
            Tensor dx = like(xs);
            forRows(xs, (i, at, count) -> {
                KeptRows.Before before = kept == null ? before(part(xs, at, count)) : kept.before(i);
                Tensor dparts = part(dpacked, at, count);
                packedWeight.addProduct(dparts, before.normed());
                packedBias.addGradient(ColumnSums.of(dparts));
                Tensor dnormed = MatrixProducts.of(dparts, packedWeight.rounded());
                attentionNorm.backward(
                        part(dx, at, count),
                        dnormed,
                        part(xs, at, count),
                        before.statistics(),
                        part(dsum, at, count),
                        dropout > 0 ? null : outBias);
            });
            return scope.keep(dx.view(Tensors.shape(x)));
        }
    }

    /** Goes back to the projections: writes dsum, the gradient of the residual stream after attention, and gives theirs. */
    private Tensor attentionBackward(
            Tensor dy, Tensor x, Tensor dsum, DilatedAttention.Call call, double dropout, KeptRows kept) {
        try (Scope scope = new Scope()) {
            PackedAttention attend = attention.packed(call);
            Tensor packed = kept == null ? project(x, null) : kept.packed();
            AttentionKernel.Result attended = kept == null ? attend.forward(packed) : kept.attended();
            Tensor xs = x.flatten(0, 1), dys = dy.flatten(0, 1), heads = heads(attended.out()), dheads = like(xs);
            forRows(
                    xs,
                    (i, at, count) -> afterBackward(
                            kept == null ? after(part(xs, at, count), part(heads, at, count), dropout) : kept.after(i),
                            part(dys, at, count),
                            part(heads, at, count),
                            part(dsum, at, count),
                            part(dheads, at, count)));
            Tensor dpacked = attend.backward(dheads.view(Tensors.shape(attended.out())), packed, attended);
            return scope.keep(dpacked.flatten(0, 1).flatten(1, 2));
        }
    }

    /** Queries, keys and values (B, N, H + 2 Hk, D). */
    private Tensor project(Tensor x, KeptRows kept) {
        try (Scope scope = new Scope()) {
            DilatedAttention.Config c = attention.config();
            Tensor xs = x.flatten(0, 1);
            long parts = c.heads() + 2L * c.keyValueHeads();
            Tensor packed = Tensors.empty(Tensors.like(x), xs.size(0), parts * c.headDim());
            forRows(xs, (i, at, count) -> {
                KeptRows.Before before = before(part(xs, at, count));
                MatrixProducts.linear(
                        part(packed, at, count), before.normed(), packedWeight.rounded(), packedBias.rounded());
                if (kept != null) {
                    kept.add(before);
                }
            });
            return scope.keep(packed.view(x.size(0), x.size(1), parts, c.headDim()));
        }
    }

    private KeptRows.Before before(Tensor x) {
        RowNorm.Result normed = attentionNorm.forward(x);
        return new KeptRows.Before(normed.out(), normed.statistics());
    }

    /** What follows attention for some rows, up to the feed-forward layer's second projection. */
    private KeptRows.After after(Tensor x, Tensor heads, double dropout) {
        RowNorm.Result inner = innerNorm == null ? null : innerNorm.forward(heads);
        Tensor joined = inner == null ? heads : inner.out();
        Tensor attended = MatrixProducts.linear(joined, outWeight.rounded(), outBias.rounded());
        Dropout attendedDrop = Dropout.draw(attended, dropout);
        RowNorm.Result normed = feedForwardNorm.forward(x, attendedDrop.of(attended));
        RowFeedForward.Hidden hidden = feedForward.up(normed.out());
        return new KeptRows.After(
                joined,
                inner == null ? null : inner.statistics(),
                attendedDrop,
                normed.sum(),
                normed.out(),
                normed.statistics(),
                hidden,
                Dropout.draw(x, dropout));
    }

    private void finish(KeptRows.After after, Tensor y) {
        Tensor fed = feedForward.down(after.hidden().hidden());
        Ops.add(y, after.sum(), after.fedDrop().of(fed));
    }

    /** Writes dsum and dheads, the gradients of the sum after attention and of the heads' outputs. */
    private void afterBackward(KeptRows.After after, Tensor dy, Tensor heads, Tensor dsum, Tensor dheads) {
        Tensor dfed = after.fedDrop().of(dy);
        boolean drops = after.fedDrop().drops();
        if (drops) {
            feedForward.downBias().addGradient(ColumnSums.of(dfed));
        }
        Tensor dnormed = feedForward.backward(dfed, after.normed(), after.hidden());
        feedForwardNorm.backward(
                dsum, dnormed, after.sum(), after.statistics(), dy, drops ? null : feedForward.downBias());
        Tensor dattended = after.attendedDrop().of(dsum);
        if (drops) {
            outBias.addGradient(ColumnSums.of(dattended));
        }
        outWeight.addProduct(dattended, after.joined());
        if (innerNorm == null) {
            MatrixProducts.into(dheads, dattended, outWeight.rounded());
        } else {
            Tensor djoined = MatrixProducts.of(dattended, outWeight.rounded());
            innerNorm.backward(dheads, djoined, heads, after.innerStatistics(), null, null);
        }
    }

    /** Does something with some rows: the i-th part, from row {@code at} on. */
    private interface Part {
        void accept(int i, long at, long count);
    }

    private void forRows(Tensor rows, Part part) {
        int i = 0;
        for (long at = 0; at < rows.size(0); at += rowsAtOnce) {
            try (Scope scope = new Scope()) {
                part.accept(i++, at, Math.min(rowsAtOnce, rows.size(0) - at));
            }
        }
    }

    private static Tensor part(Tensor rows, long at, long count) {
        return rows.narrow(0, at, count);
    }

    /** (B, N, H, D) as rows (B·N, E). */
    private static Tensor heads(Tensor out) {
        return out.flatten(0, 1).flatten(1, 2);
    }

    private static Tensor like(Tensor rows) {
        return Tensors.emptyLike(rows);
    }
}
