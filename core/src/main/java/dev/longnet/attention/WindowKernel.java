package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;

/**
 * A sliding window in the place of a pattern: every token sees itself and the {@code window} − 1 before it.
 *
 * <p>In blocks of W tokens a query at place i sees the places 0 … i of its own block, ordinary causal attention, and i + 1 …
 * W − 1 of the block before. Counted from the block's end those are causal attention too, of W − 1 rows: query W − 2 − i and
 * keys up to W − 2 − i. So both parts are dense blocks for whatever kernel is fast, joined by log-sum-exp, and the gradient
 * is exact for the same reason as that of branches. B batch, N length, H heads, D head dimension.
 */
record WindowKernel(int window, AttentionKernel blocks) implements AttentionKernel {
    WindowKernel {
        requireArgument(window > 0, "a window has at least one token, got %d", window);
    }

    @Override
    public String name() {
        return "window";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        requirePlain(spec);
        try (Scope scope = new Scope()) {
            Result near = blocks.forward(q, k, v, own(spec));
            if (reachesBack(q)) {
                Result far = blocks.forward(queries(q), keys(k), keys(v), before(spec));
                TensorOptions numbers = Tensors.like(near.lse());
                Tensor lse = Tensors.full(Double.NEGATIVE_INFINITY, numbers, q.size(0), q.size(2), padded(q));
                lse.unflatten(2, padded(q) / window, window)
                        .narrow(2, 1, padded(q) / window - 1)
                        .narrow(3, 0, window - 1)
                        .copy_(far.lse()
                                .unflatten(2, padded(q) / window - 1, window - 1)
                                .flip(3));
                Aten.Flash part =
                        new Aten.Flash(back(far.out(), q.size(1), 1, 0).transpose(1, 2), lse.narrow(2, 0, q.size(1)));
                Merge.into(near.out().transpose(1, 2), near.lse(), part);
            }
            return new Result(scope.keep(near.out()), scope.keep(near.lse()));
        }
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        requirePlain(spec);
        try (Scope scope = new Scope()) {
            Gradients near = blocks.backward(dout, q, k, v, out, lse, own(spec));
            if (reachesBack(q)) {
                Tensor lseByToken = queries(lse.transpose(1, 2).unsqueeze(3)).squeeze(3);
                Gradients far = blocks.backward(
                        queries(dout),
                        queries(q),
                        keys(k),
                        keys(v),
                        queries(out),
                        lseByToken.transpose(1, 2).contiguous(),
                        before(spec));
                long length = q.size(1);
                near.dq().add_(back(far.dq(), length, 1, 0));
                near.dk().add_(back(far.dk(), length, 0, 1));
                near.dv().add_(back(far.dv(), length, 0, 1));
            }
            return new Gradients(scope.keep(near.dq()), scope.keep(near.dk()), scope.keep(near.dv()));
        }
    }

    private void requirePlain(AttentionSpec spec) {
        requireArgument(
                spec.causal() && spec.lengths() == null && spec.damping() == null && spec.start() == 0,
                "a sliding window takes whole causal sequences of one length without damped scores");
    }

    /** Whether some query sees a block before its own. */
    private boolean reachesBack(Tensor q) {
        return window > 1 && q.size(1) > window;
    }

    private AttentionSpec own(AttentionSpec spec) {
        return spec.withPattern(DilationPattern.dense(window));
    }

    private AttentionSpec before(AttentionSpec spec) {
        return spec.withPattern(DilationPattern.dense(window - 1L));
    }

    private long padded(Tensor rows) {
        return (rows.size(1) + window - 1) / window * window;
    }

    /** Of every block but the first the rows that see the block before, last first: (B, blocks · (W − 1), H, D). */
    private Tensor queries(Tensor rows) {
        return reversed(rows, 1, 0);
    }

    /** Of every block but the last the rows that the block after sees, last first. */
    private Tensor keys(Tensor rows) {
        return reversed(rows, 0, 1);
    }

    private Tensor reversed(Tensor rows, long firstBlock, long firstRow) {
        long length = rows.size(1), padded = padded(rows);
        Tensor whole = rows;
        if (padded > length) {
            // Rows past the end only pad the last block's queries; nothing of them is used.
            whole = Tensors.zeros(Tensors.like(rows), rows.size(0), padded, rows.size(2), rows.size(3));
            whole.narrow(1, 0, length).copy_(rows);
        }
        return inBlocks(whole, firstBlock, firstRow).flip(2).flatten(1, 2);
    }

    /** Rows as {@link #reversed} gives them where they came from, 0 elsewhere: (B, N, H, D). */
    private Tensor back(Tensor reversed, long length, long firstBlock, long firstRow) {
        long padded = (length + window - 1) / window * window;
        Tensor whole =
                Tensors.zeros(Tensors.like(reversed), reversed.size(0), padded, reversed.size(2), reversed.size(3));
        inBlocks(whole, firstBlock, firstRow)
                .copy_(reversed.unflatten(1, padded / window - 1, window - 1).flip(2));
        return whole.narrow(1, 0, length);
    }

    private Tensor inBlocks(Tensor whole, long firstBlock, long firstRow) {
        long blocks = whole.size(1) / window;
        return whole.unflatten(1, blocks, window)
                .narrow(1, firstBlock, blocks - 1)
                .narrow(2, firstRow, window - 1);
    }
}
