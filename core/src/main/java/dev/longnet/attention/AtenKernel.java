package dev.longnet.attention;

import dev.longnet.attention.Damping.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.NumberFormats;
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
 * <p>Each branch is ordinary attention over its kept rows; their log-sum-exps join them. What differs between a CPU and
 * an NVIDIA GPU is in {@link AtenDevice}.
 *
 * <p>The gradient of the merged output is the sum of the branches' own gradients, each computed with the merged out and
 * lse in the place of its own (P_ij = exp(s_ij − lse_i), Δ_i = dout_i·out_i), so it is exact at no extra cost.
 */
final class AtenKernel implements AttentionKernel {
    private static final int MOST_FEATURES = 256, USUAL_FEATURES = 192;

    @Override
    public String name() {
        return "aten";
    }

    @Override
    public String obstacle(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        if (device.is_cpu()) {
            return null;
        }
        if (!device.is_cuda()) {
            return "computes on the CPU and on NVIDIA GPUs and the tensors are on " + Tensors.deviceName(device)
                    + "; use auto or reference";
        }
        Gpu gpu = Gpu.of(device);
        if (gpu.major() < 8) {
            return "computes on NVIDIA GPUs of compute capability 8.0 and later and " + gpu.name() + " has "
                    + gpu.capability() + "; use auto or reference";
        }
        if (type != ScalarType.BFloat16 && type != ScalarType.Half) {
            return "computes in bfloat16 and float16 on a GPU, not in " + NumberFormats.name(type)
                    + "; use such inputs, auto or reference";
        }
        // Blocks of more features need the shared memory of a data centre's GPU.
        boolean large = gpu.major() == 8 && gpu.minor() == 0 || gpu.major() == 9 || gpu.major() == 10;
        int most = large ? MOST_FEATURES : USUAL_FEATURES;
        if (headDim > most || headDim % 8 != 0) {
            return "takes head dimensions 8, 16, … " + most + " on " + gpu.name() + ", not " + headDim
                    + "; use such a one, auto or reference";
        }
        if (spec.damping() != null) {
            return "does not damp scores by distance on a GPU; " + HopperKernel.dampedBefore(spec)
                    + ", auto or reference";
        }
        return spec.scale() > 0
                ? null
                : "takes a positive scale on a GPU, not " + spec.scale() + "; use such a one, auto or reference";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        Attention.requireFit(this, q, spec);
        return forward(AtenDevice.of(q), q, k, v, spec);
    }

    static Result forward(AtenDevice device, Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        try (Scope all = new Scope()) {
            int heads = (int) q.size(2);
            Tensor qw = device.rows(q), kw = expand(device.rows(k), heads), vw = expand(device.rows(v), heads);
            AtenDevice.Merged merged = device.merged(qw, densestFirst(spec), spec.start());
            Damping damping = new Damping(spec.damping());
            forEachPart(device, qw, spec, damping, (view, part, branch, scope) -> {
                int ratio = view.ratio();
                Aten.Flash attended = device.attend(
                        times(part.queries(view.of(qw)), damping.ofQueries(part, ratio, qw)),
                        times(part.keys(view.of(kw)), damping.ofKeys(part, ratio, kw)),
                        part.keys(view.of(vw)),
                        part.causal(),
                        spec.scale(),
                        again(view, qw, spec));
                merged.add(view, part, branch, attended, scope);
            });
            Result result = merged.result();
            return new Result(all.keep(result.out().to(Tensors.type(q))), all.keep(result.lse()));
        }
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        Attention.requireFit(this, q, spec);
        return backward(AtenDevice.of(q), dout, q, k, v, out, lse, spec);
    }

    static Gradients backward(
            AtenDevice device, Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        try (Scope all = new Scope()) {
            int heads = (int) q.size(2), kvHeads = (int) k.size(2);
            Tensor qw = device.rows(q), kw = expand(device.rows(k), heads), vw = expand(device.rows(v), heads);
            Tensor doutW = device.rows(dout), outW = device.rows(out);
            Tensor lseW = lse.transpose(1, 2).contiguous().transpose(1, 2);
            List<Branch> branches = densestFirst(spec);
            AtenDevice.Summed dq = device.summed(qw, branches, spec.start());
            AtenDevice.Summed dk = device.summed(kw, branches, spec.start());
            AtenDevice.Summed dv = device.summed(vw, branches, spec.start());
            Damping damping = new Damping(spec.damping());
            forEachPart(device, qw, spec, damping, (view, part, branch, scope) -> {
                Tensor qFactor = damping.ofQueries(part, view.ratio(), qw);
                Tensor kFactor = damping.ofKeys(part, view.ratio(), kw);
                Aten.FlashGradients g = device.gradients(
                        part.queries(view.of(doutW)),
                        times(part.queries(view.of(qw)), qFactor),
                        times(part.keys(view.of(kw)), kFactor),
                        part.keys(view.of(vw)),
                        part.queries(view.of(outW)),
                        part.queries(view.ofLse(lseW)),
                        part.causal(),
                        spec.scale(),
                        again(view, qw, spec));
                dq.add(view, part, branch, part.from(), times(g.dq(), qFactor), scope);
                dk.add(view, part, branch, part.keysFrom(), times(g.dk(), kFactor), scope);
                dv.add(view, part, branch, part.keysFrom(), g.dv(), scope);
            });
            ScalarType given = Tensors.type(q);
            return new Gradients(
                    all.keep(dq.result(heads).to(given)),
                    all.keep(dk.result(kvHeads).to(given)),
                    all.keep(dv.result(kvHeads).to(given)));
        }
    }

    /** What is done with some of a branch's rows. */
    private interface Action {
        /**
         * @param branch index among {@link #densestFirst}
         * @param scope owns what is made, until the next rows
         */
        void accept(StridedView view, Part part, int branch, Scope scope);
    }

    /** The branches in the order in which they are visited; the first one may have all rows. */
    private static List<Branch> densestFirst(AttentionSpec spec) {
        return spec.pattern().branches().stream()
                .sorted(Comparator.comparingInt(Branch::ratio))
                .toList();
    }

    /** Visits the rows of every branch. */
    private static void forEachPart(AtenDevice device, Tensor q, AttentionSpec spec, Damping damping, Action action) {
        List<Branch> branches = densestFirst(spec);
        try (var attending = device.whileAttending()) {
            for (int i = 0; i < branches.size(); i++) {
                for (StridedView view : views(branches.get(i), q, spec, device.longestAxis())) {
                    for (Part part : damping.parts(view.rows(), view.ratio(), spec.causal())) {
                        try (Scope scope = new Scope()) {
                            action.accept(view, part, i, scope);
                        }
                    }
                }
            }
        }
    }

    /** Views of all of a branch's kept rows; examples that end early are seen one by one. */
    private static List<StridedView> views(Branch branch, Tensor q, AttentionSpec spec, long longestAxis) {
        long batch = q.size(0), length = q.size(1);
        List<StridedView> views = new ArrayList<>();
        long at = 0;
        while (at < batch) {
            boolean ragged = spec.ragged(length);
            long examples = ragged ? 1 : batch;
            long tokens = ragged ? spec.lengths()[(int) at] : length;
            for (BranchLayout.Box box : BranchLayout.boxes(branch, spec.start(), tokens, (int) q.size(2))) {
                views.addAll(StridedView.of(box, at, examples, length, longestAxis));
            }
            at += examples;
        }
        return views;
    }

    /** Whether the view's shape comes again with sequences of this length; last segments and unequal lengths do not. */
    private static boolean again(StridedView view, Tensor q, AttentionSpec spec) {
        return view.full() && !spec.ragged(q.size(1));
    }

    /** The tensor times a factor, which may be null for none. */
    static Tensor times(Tensor tensor, Tensor factorOrNull) {
        return factorOrNull == null ? tensor : tensor.mul(factorOrNull);
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
}
