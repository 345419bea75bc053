package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.attention.ShardPlan.Far;
import dev.longnet.attention.ShardPlan.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What later tokens of one attention layer can still see: of each branch the kept rows of its current segment, at most
 * ⌈w/r⌉ for a head, however long the text.
 *
 * <p>A text is read in pieces of any length. Those of a piece attend to each other by the kernel that {@link #over} is
 * given, and to what the cache holds of segments that began before the piece; both are joined by log-sum-exp, so that the
 * result is that of the whole text at once. Shapes: B batch, H query heads, Hk key/value heads, D head dimension.
 */
public final class KeyValueCache implements AutoCloseable {
    private final DilationPattern pattern, whole;
    private final int heads;
    private final List<Rows> branches = new ArrayList<>();
    private long position;

    /** Keys and values of one branch, (B, H, capacity, D); row i of a head is the i-th that it keeps in the segment. */
    private static final class Rows {
        private Tensor keys;
        private Tensor values;
    }

    /** @param heads query heads H */
    public KeyValueCache(DilationPattern pattern, int heads) {
        this.pattern = pattern;
        whole = pattern.whole();
        this.heads = heads;
        for (int i = 0; i < whole.branches().size(); i++) {
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

    /** A cache that goes on from here by itself. */
    public KeyValueCache copy() {
        KeyValueCache copy = new KeyValueCache(pattern, heads);
        copy.restore(rows(), position);
        return copy;
    }

    /** What is kept, by name: of branch i {@code branch.i.keys} and {@code branch.i.values}, (B, H, rows, D), as views. */
    public Map<String, Tensor> rows() {
        Map<String, Tensor> all = new LinkedHashMap<>();
        for (int i = 0; i < branches.size(); i++) {
            long count = rowsAt(i, position);
            if (count > 0) {
                all.put("branch." + i + ".keys", branches.get(i).keys.narrow(2, 0, count));
                all.put("branch." + i + ".values", branches.get(i).values.narrow(2, 0, count));
            }
        }
        return all;
    }

    /**
     * Takes over copies of what {@link #rows} gave of a cache like this at a position.
     *
     * @throws IllegalArgumentException if these are not the rows of such a cache there
     */
    public void restore(Map<String, Tensor> rows, long position) {
        requireArgument(position >= 0, "a text has no position %d", position);
        for (int i = 0; i < branches.size(); i++) {
            long count = rowsAt(i, position);
            for (String kind : List.of("keys", "values")) {
                Tensor saved = rows.get("branch." + i + "." + kind);
                requireArgument(
                        count == 0
                                ? saved == null
                                : saved != null && saved.dim() == 4 && saved.size(1) == heads && saved.size(2) == count,
                        "branch %d of %s keeps %d rows of %d heads at position %d, which the %s do not have",
                        i,
                        pattern,
                        count,
                        heads,
                        position,
                        kind);
            }
        }
        close();
        this.position = position;
        try (Scope scope = new Scope()) {
            for (int i = 0; i < branches.size(); i++) {
                Tensor keys = rows.get("branch." + i + ".keys"), values = rows.get("branch." + i + ".values");
                if (keys != null) {
                    branches.get(i).keys = Scope.own(Tensors.copy(keys));
                    branches.get(i).values = Scope.own(Tensors.copy(values));
                }
            }
        }
    }

    /** The most rows that a head keeps of the branch's segment before a position. */
    private long rowsAt(int branch, long position) {
        return whole.branches().get(branch).rowsBefore(position - segmentOf(branch, position), 0);
    }

    /** Rows that came from another device, or from where they were computed in another type, become like the new ones. */
    private void conform(Tensor like) {
        for (Rows rows : branches) {
            if (rows.keys != null
                    && (Tensors.type(rows.keys) != Tensors.type(like)
                            || !Tensors.deviceName(rows.keys).equals(Tensors.deviceName(like)))) {
                rows.keys = conformed(rows.keys, like);
                rows.values = conformed(rows.values, like);
            }
        }
    }

    private static Tensor conformed(Tensor rows, Tensor like) {
        Tensor conformed = Scope.own(rows.to(like.device(), Tensors.type(like)));
        rows.close();
        return conformed;
    }

    /**
     * Attention of the text's next tokens, which the cache takes in; without a gradient.
     *
     * @param kernel attends within a piece
     */
    public AttentionKernel over(AttentionKernel kernel) {
        return new CachedKernel(List.of(this), false, kernel);
    }

    /**
     * Attention of the next token of each of several texts, (1, number of texts, H, D): side by side the tokens are one
     * call for all that is done row by row, and each attends to its own text alone.
     *
     * @param caches what the texts have left in one layer; each takes its token in
     */
    public static AttentionKernel over(List<KeyValueCache> caches, AttentionKernel kernel) {
        return new CachedKernel(List.copyOf(caches), true, kernel);
    }

    /** Attends for the next tokens and adds them. */
    Result attend(Tensor q, Tensor k, Tensor v, AttentionSpec spec, AttentionKernel kernel) {
        requireArgument(
                spec.start() == position && spec.pattern().equals(pattern) && spec.causal() && spec.lengths() == null,
                "a cache of %s that has read %d tokens cannot go on at position %d of %s; it takes causal pieces of one"
                        + " text in order",
                pattern,
                position,
                spec.start(),
                spec.pattern());
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            conform(k);
            requireArgument(
                    q.size(1) <= pattern.changesAfter(position) - position,
                    "%d tokens from position %d on do not see the same branches of %s; cut the text at position %d",
                    q.size(1),
                    position,
                    pattern,
                    pattern.changesAfter(position));
            AttentionSpec here = spec.withPattern(pattern.at(position));
            Result result = q.size(1) == 1 ? step(q, k, v, here) : piece(q, k, v, here, kernel);
            position += q.size(1);
            return new Result(scope.keep(result.out()), scope.keep(result.lse()));
        }
    }

    private Result piece(Tensor q, Tensor k, Tensor v, AttentionSpec spec, AttentionKernel kernel) {
        Result near = near(q, k, v, spec, kernel);
        FarAttention attention = FarAttention.of(q, spec, false); // ever more keys
        Tensor keys = expand(k), values = expand(v);
        for (int i = 0; i < branches.size(); i++) {
            try (Scope scope = new Scope()) {
                Lanes lanes = new Lanes(whole.branches().get(i), heads, heads);
                Rows rows = branches.get(i);
                if (i < spec.pattern().branches().size()) {
                    attendToEarlier(near, q, rows, lanes, i, attention);
                }
                add(keys, values, rows, lanes, i);
            }
        }
        return near;
    }

    /**
     * What the piece's tokens see of each other. The fast kernel of GPUs takes so many branches and counts from the piece's
     * first row; what is too much, and branches of ratios longer than pieces, which it cannot count, are computed by
     * themselves, the latter where they keep a row at all.
     */
    private Result near(Tensor q, Tensor k, Tensor v, AttentionSpec spec, AttentionKernel kernel) {
        List<Branch> all = spec.pattern().branches(), aligned = new ArrayList<>(), others = new ArrayList<>();
        for (Branch branch : all) {
            if (branch.looksAsFromZero(position, q.size(1))) {
                aligned.add(branch);
            } else if (branch.mayKeep(position, q.size(1), heads)) {
                others.add(branch);
            }
        }
        boolean fast = aligned.size() == all.size() && all.size() <= HopperParams.MOST_BRANCHES;
        if (!q.is_cuda() || aligned.isEmpty() || fast) {
            return kernel.forward(q, k, v, spec);
        }
        List<List<Branch>> groups = new ArrayList<>();
        for (int i = 0; i < aligned.size(); i += HopperParams.MOST_BRANCHES) {
            groups.add(aligned.subList(i, Math.min(aligned.size(), i + HopperParams.MOST_BRANCHES)));
        }
        if (!others.isEmpty()) {
            groups.add(others);
        }
        Result near = null;
        for (List<Branch> group : groups) {
            Result part = kernel.forward(q, k, v, spec.withPattern(new DilationPattern(group)));
            if (near == null) {
                near = part;
            } else {
                try (Scope scope = new Scope()) {
                    Tensor out = part.out().transpose(1, 2);
                    Merge.into(near.out().transpose(1, 2), near.lse(), new Aten.Flash(out, part.lse()));
                }
            }
        }
        return near;
    }

    /** Joins what the piece's tokens see of the segment in which it begins. */
    private void attendToEarlier(Result near, Tensor q, Rows rows, Lanes lanes, int i, FarAttention attention) {
        long segment = segmentOf(i, position);
        if (segment == position) {
            return;
        }
        Part earlier = new Part(i, segment, 0, segment, position);
        Part queries = new Part(i, segment, 0, position, Math.min(segmentEnd(i, segment), position + q.size(1)));
        for (FarBlock block : FarBlock.of(new Far(queries, List.of(earlier)), lanes, heads, position)) {
            try (Scope scope = new Scope()) {
                Aten.Flash far = attention.attend(
                        block.queries(q), block.rowsOf(rows.keys), block.rowsOf(rows.values), block.ratio());
                Aten.Flash parts = new Aten.Flash(block.asView(far.out()), block.asView(far.lse()));
                Merge.into(block.view(near.out()), block.viewOfLse(near.lse()), parts);
            }
        }
    }

    /** Takes over the piece's rows of the segment that later tokens are in. */
    private void add(Tensor keys, Tensor values, Rows rows, Lanes lanes, int i) {
        long end = position + keys.size(1), segment = segmentOf(i, end);
        Part part = new Part(i, segment, 0, Math.max(segment, position), end);
        if (part.from() == end) {
            return;
        }
        reserve(rows, lanes.branch(), lanes.branch().rowsBefore(end - segment, 0), keys);
        lanes.forEachRun(part, position, keys, (view, first, count, row) -> copy(view, rows.keys, first, count, row));
        lanes.forEachRun(
                part, position, values, (view, first, count, row) -> copy(view, rows.values, first, count, row));
    }

    /** Copies (B, outer, inner, rows, D) to lanes of (B, H, capacity, D), from a row on. */
    private static void copy(Tensor view, Tensor into, int firstLane, int lanes, long row) {
        into.narrow(1, firstLane, lanes)
                .narrow(2, row, view.size(3))
                .unflatten(1, view.size(1), view.size(2))
                .copy_(view);
    }

    private long segmentOf(int branch, long position) {
        return position / segment(branch) * segment(branch);
    }

    private long segmentEnd(int branch, long begin) {
        return segment(branch) > Long.MAX_VALUE - begin ? Long.MAX_VALUE : begin + segment(branch);
    }

    private long segment(int branch) {
        return whole.branches().get(branch).segment();
    }

    /** One token, as {@link #piece}, without what it takes for many. */
    private Result step(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        Damping damping = new Damping(spec.damping());
        FarAttention attention = FarAttention.undamped(q, spec);
        Tensor query = q.transpose(1, 2),
                key = expand(k).squeeze(1),
                value = expand(v).squeeze(1);
        TensorOptions numbers =
                Tensors.like(q, Tensors.type(q) == ScalarType.Double ? ScalarType.Double : ScalarType.Float);
        Tensor out = Tensors.zeros(Tensors.like(q), q.size(0), heads, 1, q.size(3));
        Tensor lse = Tensors.full(Double.NEGATIVE_INFINITY, numbers, q.size(0), heads, 1);
        for (int i = 0; i < branches.size(); i++) {
            Branch branch = whole.branches().get(i);
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
            if (i >= spec.pattern().branches().size()) {
                continue; // what later tokens will see
            }
            Tensor seen = rows.keys.narrow(1, first, count).narrow(2, 0, row + 1);
            // The query stands at the last row, so its own factor is 1.
            Damping.Part part = new Damping.Part(row, 1, 0, row + 1, false);
            Tensor fading = damping.ofKeys(part, branch.ratio(), seen);
            Aten.Flash attended = attention.attend(
                    query.narrow(1, first, count),
                    fading == null ? seen : seen.mul(fading),
                    rows.values.narrow(1, first, count).narrow(2, 0, row + 1),
                    1);
            Merge.into(out.narrow(1, first, count), lse.narrow(1, first, count), attended);
        }
        return new Result(out.transpose(1, 2), lse);
    }

    /** Makes room for {@code needed} rows, doubling up to the most a head keeps. */
    private void reserve(Rows rows, Branch branch, long needed, Tensor like) {
        long capacity = rows.keys == null ? 0 : rows.keys.size(2);
        if (needed <= capacity) {
            return;
        }
        long most = branch.rowsBefore(branch.segment(), 0);
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
                rows.keys = null;
            }
            if (rows.values != null) { // memory may have run out between the two
                rows.values.close();
                rows.values = null;
            }
        }
    }
}
