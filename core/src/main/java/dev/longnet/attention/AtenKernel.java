package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * libtorch's blockwise attention on strided views of q, k and v: nothing is gathered or scattered.
 *
 * <p>Each branch is ordinary attention over its kept rows. Its output joins the others by
 *
 * <pre>
 * lse = ln(exp(lse) + exp(lse_b))       out = out + exp(lse_b − lse) (out_b − out)
 * </pre>
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
        try (var one = Compute.oneBlasThread()) {
            boolean[] empty = {true};
            forEachView(
                    qw,
                    spec,
                    view -> {
                        Aten.Flash part =
                                Aten.flashOnCpu(view.of(qw), view.of(kw), view.of(vw), spec.causal(), spec.scale());
                        Tensor outRows = view.of(out), lseRows = view.ofLse(lse);
                        if (empty[0]) {
                            outRows.copy_(part.out());
                            lseRows.copy_(part.lse());
                        } else {
                            Tensor merged = lseRows.logaddexp(part.lse());
                            outRows.lerp_(
                                    part.out(), part.lse().sub(merged).exp_().unsqueeze(3));
                            lseRows.copy_(merged);
                        }
                    },
                    () -> empty[0] = false);
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
        try (var one = Compute.oneBlasThread()) {
            forEachView(
                    qw,
                    spec,
                    view -> {
                        Aten.FlashGradients part = Aten.flashOnCpuBackward(
                                view.of(doutW),
                                view.of(qw),
                                view.of(kw),
                                view.of(vw),
                                view.of(outW),
                                view.ofLse(lse),
                                spec.causal(),
                                spec.scale());
                        view.of(dq).add_(part.dq());
                        view.of(dk).add_(part.dk());
                        view.of(dv).add_(part.dv());
                    },
                    () -> {});
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
    private static void forEachView(Tensor q, AttentionSpec spec, Consumer<StridedView> action, Runnable branchDone) {
        long batch = q.size(0), length = q.size(1);
        int heads = (int) q.size(2);
        List<Branch> branches = spec.pattern().branches().stream()
                .sorted(Comparator.comparingInt(Branch::ratio))
                .toList();
        for (Branch branch : branches) {
            if (spec.ragged(length)) {
                for (int example = 0; example < batch; example++) {
                    visit(branch, spec.lengths()[example], heads, example, 1, length, action);
                }
            } else {
                visit(branch, length, heads, 0, batch, length, action);
            }
            branchDone.run();
        }
    }

    private static void visit(
            Branch branch,
            long tokens,
            int heads,
            long example,
            long examples,
            long length,
            Consumer<StridedView> action) {
        for (BranchLayout.Box box : BranchLayout.boxes(branch, tokens, heads)) {
            for (StridedView view : StridedView.of(box, example, examples, length)) {
                try (Scope scope = new Scope()) {
                    action.accept(view);
                }
            }
        }
    }

    /** In float32 or wider, with rows that lie whole and examples that follow each other. */
    private static Tensor rows(Tensor tensor) {
        Tensor wide = Tensors.type(tensor) == ScalarType.Double ? tensor : tensor.to(ScalarType.Float);
        boolean regular = wide.stride(3) == 1 && (wide.size(0) == 1 || wide.stride(0) == wide.size(1) * wide.stride(1));
        return regular ? wide : wide.contiguous();
    }

    /** Repeats each key/value head for its group of query heads. */
    private static Tensor expand(Tensor tensor, int heads) {
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
