package dev.longnet.attention;

import dev.longnet.attention.Damping.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * libtorch's blockwise attention on strided views of q, k and v: nothing is gathered or scattered.
 *
 * <p>Each branch is ordinary attention over its kept rows; {@link Merge} joins it to the others.
 *
 * <p>The gradient of the merged output is the sum of the branches' own gradients, each computed with the merged out and
 * lse in the place of its own (P_ij = exp(s_ij − lse_i), Δ_i = dout_i·out_i), so it is exact at no extra cost.
 *
 * <p>Half types are computed in float32: blockwise attention in them is slow and coarse on a CPU.
 */
final class AtenKernel implements AttentionKernel {
    @Override
    public String name() {
        return "aten";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        int heads = (int) q.size(2);
        Tensor qw = rows(q), kw = expand(rows(k), heads), vw = expand(rows(v), heads);
        Tensor out = Tensors.zeros(Tensors.like(qw), Tensors.shape(qw));
        // (B, N, H) in memory: the heads of one row lie together, as flash attention leaves them.
        Tensor lse = Tensors.full(Double.NEGATIVE_INFINITY, Tensors.like(qw), q.size(0), q.size(1), heads)
                .transpose(1, 2);
        Damping damping = new Damping(spec.damping());
        boolean[] empty = {true};
        try (var one = Compute.oneBlasThread()) {
            forEachPart(qw, spec, damping, () -> empty[0] = false, (view, part) -> {
                int ratio = view.ratio();
                Aten.Flash attended = Aten.flashOnCpu(
                        times(part.queries(view.of(qw)), damping.ofQueries(part, ratio, qw)),
                        times(part.keys(view.of(kw)), damping.ofKeys(part, ratio, kw)),
                        part.keys(view.of(vw)),
                        part.causal(),
                        spec.scale());
                Tensor outRows = part.queries(view.of(out)), lseRows = part.queries(view.ofLse(lse));
                if (empty[0] && part.keysFrom() == part.from()) {
                    outRows.copy_(attended.out());
                    lseRows.copy_(attended.lse());
                } else {
                    Merge.into(outRows, lseRows, attended);
                }
            });
        }
        return new Result(out.to(Tensors.type(q)), lse);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        int heads = (int) q.size(2);
        Tensor qw = rows(q), kw = expand(rows(k), heads), vw = expand(rows(v), heads);
        Tensor doutW = rows(dout), outW = rows(out);
        Tensor dq = Tensors.zeros(Tensors.like(qw), Tensors.shape(qw));
        Tensor dk = Tensors.zeros(Tensors.like(kw), Tensors.shape(kw));
        Tensor dv = Tensors.zeros(Tensors.like(vw), Tensors.shape(vw));
        Damping damping = new Damping(spec.damping());
        try (var one = Compute.oneBlasThread()) {
            forEachPart(qw, spec, damping, () -> {}, (view, part) -> {
                Tensor qFactor = damping.ofQueries(part, view.ratio(), qw);
                Tensor kFactor = damping.ofKeys(part, view.ratio(), kw);
                Aten.FlashGradients g = Aten.flashOnCpuBackward(
                        part.queries(view.of(doutW)),
                        times(part.queries(view.of(qw)), qFactor),
                        times(part.keys(view.of(kw)), kFactor),
                        part.keys(view.of(vw)),
                        part.queries(view.of(outW)),
                        part.queries(view.ofLse(lse)),
                        part.causal(),
                        spec.scale());
                part.queries(view.of(dq)).add_(times(g.dq(), qFactor));
                part.keys(view.of(dk)).add_(times(g.dk(), kFactor));
                part.keys(view.of(dv)).add_(g.dv());
            });
        }
        ScalarType given = Tensors.type(q);
        return new Gradients(
                dq.to(given),
                reduce(dk, (int) k.size(2)).to(given),
                reduce(dv, (int) k.size(2)).to(given));
    }

    /**
     * Visits the rows of every branch, the densest first, so that the first one can write where the others merge.
     *
     * @param branchDone called after each branch
     */
    private static void forEachPart(
            Tensor q, AttentionSpec spec, Damping damping, Runnable branchDone, BiConsumer<StridedView, Part> action) {
        long batch = q.size(0), length = q.size(1);
        int heads = (int) q.size(2);
        List<Branch> branches = spec.pattern().branches().stream()
                .sorted(Comparator.comparingInt(Branch::ratio))
                .toList();
        for (Branch branch : branches) {
            for (StridedView view : views(branch, batch, length, heads, spec)) {
                for (Part part : damping.parts(view.rows(), view.ratio(), spec.causal())) {
                    try (Scope scope = new Scope()) {
                        action.accept(view, part);
                    }
                }
            }
            branchDone.run();
        }
    }

    /** Views of all of a branch's kept rows; examples that end early are seen one by one. */
    private static List<StridedView> views(Branch branch, long batch, long length, int heads, AttentionSpec spec) {
        List<StridedView> views = new ArrayList<>();
        long at = 0;
        while (at < batch) {
            boolean ragged = spec.ragged(length);
            long examples = ragged ? 1 : batch;
            long tokens = ragged ? spec.lengths()[(int) at] : length;
            for (BranchLayout.Box box : BranchLayout.boxes(branch, tokens, heads)) {
                views.addAll(StridedView.of(box, at, examples, length));
            }
            at += examples;
        }
        return views;
    }

    private static Tensor times(Tensor tensor, Tensor factorOrNull) {
        return factorOrNull == null ? tensor : tensor.mul(factorOrNull);
    }

    /** In float32 or wider, with rows that lie whole and examples that follow each other. */
    private static Tensor rows(Tensor tensor) {
        Tensor wide = Tensors.type(tensor) == ScalarType.Double ? tensor : tensor.to(ScalarType.Float);
        boolean regular = wide.stride(3) == 1 && (wide.size(0) == 1 || wide.stride(0) == wide.size(1) * wide.stride(1));
        return regular ? wide : wide.contiguous();
    }

    /** Repeats each key/value head for its group of query heads. */
    static Tensor expand(Tensor tensor, int heads) {
        long kvHeads = tensor.size(2);
        if (kvHeads == heads) {
            return tensor;
        }
        long b = tensor.size(0), n = tensor.size(1), d = tensor.size(3);
        return tensor.unsqueeze(3).expand(b, n, kvHeads, heads / kvHeads, d).reshape(b, n, heads, d);
    }

    /** The transpose of {@link #expand}: sums over each group. */
    private static Tensor reduce(Tensor tensor, int kvHeads) {
        long heads = tensor.size(2);
        return kvHeads == heads
                ? tensor
                : tensor.unflatten(2, kvHeads, heads / kvHeads).sum(3);
    }
}
