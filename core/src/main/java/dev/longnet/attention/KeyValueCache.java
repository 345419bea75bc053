package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * What later tokens of one attention layer can still see: of each branch the kept rows of its current segment, at most
 * ⌈w/r⌉ for a head, however long the text.
 *
 * <p>Keys are kept turned but not damped; damping is by the distance to the token that looks. Shapes: B batch, H query
 * heads, Hk key/value heads, D head dimension.
 */
public final class KeyValueCache implements AutoCloseable {
    private final DilationPattern pattern;
    private final int heads;
    private final double scale;
    private final Damping damping;
    private final List<Rows> branches = new ArrayList<>();
    private long position;

    /** Keys and values of one branch, (B, H, capacity, D); row i of a head is the i-th that it keeps in the segment. */
    private static final class Rows {
        private Tensor keys;
        private Tensor values;
    }

    /**
     * @param heads query heads H
     * @param headDim D
     * @param damping how scores fade with distance, or null
     */
    public KeyValueCache(DilationPattern pattern, int heads, int headDim, Rotary damping) {
        this.pattern = pattern;
        this.heads = heads;
        this.scale = 1 / Math.sqrt(headDim);
        this.damping = new Damping(damping == null || damping.damping() == 0 ? null : damping);
        for (int i = 0; i < pattern.branches().size(); i++) {
            branches.add(new Rows());
        }
    }

    /** Position of the next token. */
    public long position() {
        return position;
    }

    /** Bytes that the cache holds now. */
    public long bytes() {
        long bytes = 0;
        for (Rows rows : branches) {
            bytes += rows.keys == null ? 0 : 2 * rows.keys.nbytes();
        }
        return bytes;
    }

    /** Takes over the first tokens of a text, k and v (B, N, Hk, D), from position 0. */
    void fill(Tensor k, Tensor v) {
        requireArgument(position == 0, "a cache is filled once, at position 0; it stands at %d", position);
        long length = k.size(1);
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            for (int i = 0; i < branches.size(); i++) {
                Branch branch = pattern.branches().get(i);
                long segment = length / branch.segment() * branch.segment();
                if (segment == length) {
                    continue;
                }
                Rows rows = branches.get(i);
                long tokens = length - segment;
                reserve(rows, branch, (tokens + branch.ratio() - 1) / branch.ratio(), k);
                Tensor keys = expand(k.narrow(1, segment, tokens)), values = expand(v.narrow(1, segment, tokens));
                for (BranchLayout.Box box : BranchLayout.boxes(branch, 0, tokens, heads)) {
                    for (StridedView view : StridedView.of(box, 0, k.size(0), -1, Long.MAX_VALUE)) {
                        view.copyRows(keys, rows.keys);
                        view.copyRows(values, rows.values);
                    }
                }
            }
        }
        position = length;
    }

    /** Adds the next token and attends for it: q (B, 1, H, D), k and v (B, 1, Hk, D) → (B, 1, H, D). */
    Tensor step(Tensor q, Tensor k, Tensor v) {
        requireArgument(q.size(1) == 1, "a cache takes one token at a time, got %d", q.size(1));
        try (var off = Gradient.off();
                var one = Compute.oneBlasThread();
                Scope scope = new Scope()) {
            Tensor query = q.transpose(1, 2),
                    key = expand(k).squeeze(1),
                    value = expand(v).squeeze(1);
            Tensor out = Tensors.zeros(Tensors.like(q), q.size(0), heads, 1, q.size(3));
            Tensor lse = Tensors.full(Double.NEGATIVE_INFINITY, Tensors.like(q), q.size(0), heads, 1);
            for (int i = 0; i < branches.size(); i++) {
                Branch branch = pattern.branches().get(i);
                long place = position % branch.segment(), row = place / branch.ratio();
                int group = branch.headsPerOffset(heads), first = (int) (place % branch.ratio()) * group;
                if (first >= heads) {
                    continue; // no head keeps this residue
                }
                int count = Math.min(group, heads - first);
                Rows rows = branches.get(i);
                reserve(rows, branch, row + 1, key);
                rows.keys.narrow(1, first, count).select(2, row).copy_(key.narrow(1, first, count));
                rows.values.narrow(1, first, count).select(2, row).copy_(value.narrow(1, first, count));
                Tensor seen = rows.keys.narrow(1, first, count).narrow(2, 0, row + 1);
                // The query stands at the last row, so its own factor is 1.
                Damping.Part part = new Damping.Part(row, 1, 0, row + 1, false);
                Tensor fading = damping.ofKeys(part, branch.ratio(), seen);
                Aten.Flash attended = attend(
                        query.narrow(1, first, count),
                        fading == null ? seen : seen.mul(fading),
                        rows.values.narrow(1, first, count).narrow(2, 0, row + 1));
                Merge.into(out.narrow(1, first, count), lse.narrow(1, first, count), attended);
            }
            position++;
            return scope.keep(out.transpose(1, 2));
        }
    }

    /** Attention of one query over all rows, out (B, h, 1, D) and lse (B, h, 1), on any device. */
    private Aten.Flash attend(Tensor query, Tensor keys, Tensor values) {
        if (query.is_cpu()) {
            return Aten.flashOnCpu(query, keys, values, false, scale);
        }
        Tensor scores = Ops.times(query, scale).matmul(keys.transpose(2, 3));
        Tensor lse = scores.logsumexp(-1);
        return new Aten.Flash(scores.sub(lse.unsqueeze(3)).exp().matmul(values), lse);
    }

    /** Makes room for {@code needed} rows, doubling up to the most a head keeps. */
    private void reserve(Rows rows, Branch branch, long needed, Tensor like) {
        long capacity = rows.keys == null ? 0 : rows.keys.size(2);
        if (needed <= capacity) {
            return;
        }
        long most = (branch.segment() + branch.ratio() - 1) / branch.ratio();
        long grown = Math.min(most, Math.max(needed, Math.max(64, 2 * capacity)));
        rows.keys = grow(rows.keys, grown, like);
        rows.values = grow(rows.values, grown, like);
    }

    private Tensor grow(Tensor old, long capacity, Tensor like) {
        Tensor grown =
                Scope.own(Tensors.zeros(Tensors.like(like), like.size(0), heads, capacity, like.size(like.dim() - 1)));
        if (old != null) {
            grown.narrow(2, 0, old.size(2)).copy_(old);
            old.close();
        }
        return grown;
    }

    /** Repeats each key/value head for its group of query heads. */
    private Tensor expand(Tensor tensor) {
        return AtenKernel.expand(tensor, heads);
    }

    @Override
    public void close() {
        for (Rows rows : branches) {
            if (rows.keys != null) {
                rows.keys.close();
                rows.values.close();
            }
        }
    }
}
