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
import org.bytedeco.pytorch.Device;
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
    public String obstacle(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        return device.is_cpu()
                ? null
                : "computes on the CPU and the tensors are on " + Tensors.deviceName(device)
                        + "; use auto or reference";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        Attention.requireFit(this, q, spec);
        int heads = (int) q.size(2);
        Tensor qw = rows(q), kw = expand(rows(k), heads), vw = expand(rows(v), heads);
        MergedRows merged = new MergedRows(qw);
        Damping damping = new Damping(spec.damping());
        forEachPart(qw, spec, damping, (view, part, densest, scope) -> {
            int ratio = view.ratio();
            Aten.Flash attended = Aten.flashOnCpu(
                    times(part.queries(view.of(qw)), damping.ofQueries(part, ratio, qw)),
                    times(part.keys(view.of(kw)), damping.ofKeys(part, ratio, kw)),
                    part.keys(view.of(vw)),
                    part.causal(),
                    spec.scale());
            merged.add(view, part, attended, densest, scope);
        });
        Result result = merged.result();
        return new Result(result.out().to(Tensors.type(q)), result.lse());
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        Attention.requireFit(this, q, spec);
        int heads = (int) q.size(2), kvHeads = (int) k.size(2);
        Tensor qw = rows(q), kw = expand(rows(k), heads), vw = expand(rows(v), heads);
        Tensor doutW = rows(dout), outW = rows(out);
        SummedRows dq = new SummedRows(qw), dk = new SummedRows(kw), dv = new SummedRows(vw);
        Damping damping = new Damping(spec.damping());
        forEachPart(qw, spec, damping, (view, part, densest, scope) -> {
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
            dq.add(view, part, part.from(), times(g.dq(), qFactor), scope);
            dk.add(view, part, part.keysFrom(), times(g.dk(), kFactor), scope);
            dv.add(view, part, part.keysFrom(), g.dv(), scope);
        });
        ScalarType given = Tensors.type(q);
        return new Gradients(
                dq.result().to(given),
                reduce(dk.result(), kvHeads).to(given),
                reduce(dv.result(), kvHeads).to(given));
    }

    /** What is done with some of a branch's rows. */
    private interface Action {
        /**
         * @param densest whether the rows are of the first branch visited
         * @param scope owns what is made, until the next rows
         */
        void accept(StridedView view, Part part, boolean densest, Scope scope);
    }

    /** Visits the rows of every branch, the densest first, which may have all of them. */
    private static void forEachPart(Tensor q, AttentionSpec spec, Damping damping, Action action) {
        List<Branch> branches = spec.pattern().branches().stream()
                .sorted(Comparator.comparingInt(Branch::ratio))
                .toList();
        try (var one = Compute.oneBlasThread()) {
            for (int i = 0; i < branches.size(); i++) {
                for (StridedView view : views(branches.get(i), q.size(0), q.size(1), (int) q.size(2), spec)) {
                    for (Part part : damping.parts(view.rows(), view.ratio(), spec.causal())) {
                        try (Scope scope = new Scope()) {
                            action.accept(view, part, i == 0, scope);
                        }
                    }
                }
            }
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
