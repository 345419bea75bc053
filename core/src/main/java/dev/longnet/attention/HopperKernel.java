package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.CudaModule;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.NumberFormats;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Our own CUDA kernels for Hopper (H100, H200), compiled at first use; {@code docs/kernels.md} says how they work.
 *
 * <p>All branches are one launch, forward and backward, and another kernel joins them. The backward pass adds up dq in the
 * order in which blocks come, so its last bits differ from run to run, unless libtorch is asked for deterministic
 * algorithms ({@link Compute#deterministic}): then tiles wait for their turn.
 */
final class HopperKernel implements AttentionKernel {
    private static final int MOST_FEATURES = 128;
    private static final int MOST_EXAMPLES = 65535;

    /** Most (token, head) pairs that a block goes over at a time, as join.cuh has it. */
    static final int BATCH = 256;

    /** A log-sum-exp, the bytes 7F7F7F7F, so large that rows which no segment has weigh nothing. */
    private static final double UNSEEN = Float.intBitsToFloat(0x7F7F7F7F);

    @Override
    public String name() {
        return "hopper";
    }

    @Override
    public String obstacle(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        if (!device.is_cuda()) {
            return "computes on NVIDIA GPUs of compute capability 9.0 (H100, H200) and the tensors are on "
                    + (device.is_cpu() ? "the CPU" : Tensors.deviceName(device))
                    + "; use auto, or run \"longnet doctor\" to see what --device cuda lacks";
        }
        Gpu gpu = Gpu.of(device);
        if (gpu.major() != 9 || gpu.minor() != 0) {
            return "computes on NVIDIA GPUs of compute capability 9.0 (H100, H200) and " + gpu.name() + " has "
                    + gpu.capability() + "; use auto";
        }
        if (type != ScalarType.BFloat16 && type != ScalarType.Half) {
            return "computes in bfloat16 and float16, not in " + NumberFormats.name(type) + "; use such inputs or auto";
        }
        if (headDim > MOST_FEATURES || headDim % 8 != 0) {
            return "takes head dimensions 8, 16, … " + MOST_FEATURES + ", not " + headDim + "; use such a one or auto";
        }
        if (heads > HopperParams.MOST_HEADS) {
            return "takes up to " + HopperParams.MOST_HEADS + " heads, not " + heads + "; use fewer or auto";
        }
        if (spec.pattern().branches().size() > HopperParams.MOST_BRANCHES) {
            return "takes up to " + HopperParams.MOST_BRANCHES + " branches, not "
                    + spec.pattern().branches().size() + "; use fewer or auto";
        }
        int ratio =
                spec.pattern().branches().stream().mapToInt(Branch::ratio).max().orElseThrow();
        if (ratio > Integer.MAX_VALUE / (heads * headDim)) {
            return "takes ratios up to " + Integer.MAX_VALUE / (heads * headDim) + ", not " + ratio
                    + "; use such a one or auto";
        }
        if (spec.damping() != null) {
            return "does not damp scores by distance; " + dampedBefore(spec) + ", or auto";
        }
        if (!spec.pattern().branches().stream().allMatch(branch -> spec.start() % branch.segment() == 0)) {
            return "counts segments from the first row and that stands at " + spec.start() + " in segments of "
                    + spec.pattern() + "; cut the sequence where segments end or use auto";
        }
        return spec.scale() > 0 ? null : "takes a positive scale, not " + spec.scale() + "; use such a one or auto";
    }

    /** The way to have damping done before attention. */
    static String dampedBefore(AttentionSpec spec) {
        return "use a pattern whose longest segment is a multiple of the others and at most "
                + spec.damping().longestDamped() + " tokens, positions without damping";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        requireFit(q, spec);
        try (Scope scope = new Scope()) {
            long batch = q.size(0), length = q.size(1), heads = q.size(2), dim = q.size(3);
            TensorOptions numbers = Tensors.options(ScalarType.Float, q.device());
            SharedPairs pairs = SharedPairs.of(spec.pattern(), length, (int) heads);
            CudaModule module = module("forward", q, spec, pairs);
            Shape shape = new Shape(module.constants("forwardShape", 4));
            HopperParams params = params(q, k, v, spec, pairs, shape, shape.rows, true);
            Tensor out = Tensors.empty(Tensors.like(q), batch, length, heads, dim);
            Tensor lse = Tensors.empty(numbers, batch, heads, length);
            params.set(HopperParams.OUT, out).set(HopperParams.LSE, lse);
            params.set(HopperParams.PART_OUT, Tensors.empty(Tensors.like(q), params.rows(), dim));
            params.set(HopperParams.PART_LSE, Tensors.empty(numbers, params.rows()));
            launch(module, "forward", shape, params, q, 0);
            if (params.rows() > 0 || spec.ragged(length)) {
                join(module, "merge", q, chunks(q), BATCH / chunks(q), params.bytes());
            }
            return new Result(scope.keep(out), scope.keep(lse));
        }
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        try (Scope scope = new Scope()) {
            Tensor dq = Tensors.empty(Tensors.like(q), Tensors.shape(q));
            Tensor dk = Tensors.empty(Tensors.like(k), Tensors.shape(k));
            Tensor dv = Tensors.empty(Tensors.like(v), Tensors.shape(v));
            backward(dout, q, k, v, out, lse, spec, new Gradients(dq, dk, dv));
            return new Gradients(scope.keep(dq), scope.keep(dk), scope.keep(dv));
        }
    }

    @Override
    public Tensor backwardPacked(Tensor dout, Tensor packed, int heads, Tensor out, Tensor lse, AttentionSpec spec) {
        try (Scope scope = new Scope()) {
            Tensor gradient = Tensors.empty(Tensors.like(packed), Tensors.shape(packed));
            PackedAttention.Parts parts = PackedAttention.Parts.of(packed, heads);
            PackedAttention.Parts d = PackedAttention.Parts.of(gradient, heads);
            Gradients into = new Gradients(d.q(), d.k(), d.v());
            backward(dout, parts.q(), parts.k(), parts.v(), out, lse, spec, into);
            return scope.keep(gradient);
        }
    }

    /** Writes the gradients into given tensors, whose heads are whole rows of one example after another. */
    private static void backward(
            Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec, Gradients into) {
        requireFit(q, spec);
        try (Scope scope = new Scope()) {
            Tensor doutWhole = whole(dout.to(Tensors.type(q))), outWhole = whole(out.to(Tensors.type(q)));
            Tensor lseWhole = whole(lse.to(ScalarType.Float));
            TensorOptions numbers = Tensors.options(ScalarType.Float, q.device());
            SharedPairs pairs = SharedPairs.of(spec.pattern(), q.size(1), (int) q.size(2));
            CudaModule module = module("backward", q, spec, pairs);
            Shape shape = new Shape(module.constants("backwardShape", 4));
            // Heads that share a key each have a result for it, none of which is the sum.
            boolean direct = q.size(2) == k.size(2);
            HopperParams params = params(q, k, v, spec, pairs, shape, shape.keys, direct);
            Tensor sums = Tensors.empty(numbers, Tensors.shape(q));
            params.map(HopperParams.DOUT, doutWhole, shape.rows);
            params.map(HopperParams.SUMS, sums, shape.rows);
            params.set(HopperParams.STATS, Tensors.full(UNSEEN, numbers, params.paddedRows(), 2));
            params.set(HopperParams.DQ, sums);
            params.set(HopperParams.DK, into.dk()).set(HopperParams.DV, into.dv());
            params.rowK(into.dk().stride(1));
            params.set(HopperParams.PART_DK, Tensors.empty(Tensors.like(k), params.rows(), k.size(3)));
            params.set(HopperParams.PART_DV, Tensors.empty(Tensors.like(v), params.rows(), v.size(3)));
            join(module, "prepare", q, BATCH, 1, params.bytes(), outWhole, doutWhole, lseWhole);
            if (Compute.deterministic()) {
                params.set(HopperParams.TURN, zeros(q, params.paddedRows() / 32));
                for (int i = 0; i < params.branches(); i++) {
                    params.end(params.firstTile(i + 1));
                    launch(module, "backward", shape, params, q, params.firstTile(i));
                }
            } else {
                launch(module, "backward", shape, params, q, 0);
            }
            join(
                    module,
                    "finish",
                    q,
                    chunks(q),
                    BATCH / chunks(q),
                    params.bytes(),
                    into.dq(),
                    into.dq().stride(1));
        }
    }

    /** What both directions are given, tiles counted in {@code tile} rows; copies that maps need belong to the scope around. */
    private static HopperParams params(
            Tensor q,
            Tensor k,
            Tensor v,
            AttentionSpec spec,
            SharedPairs pairs,
            Shape shape,
            int tile,
            boolean direct) {
        HopperParams params = new HopperParams(q, k, spec, pairs, tile, direct);
        params.map(HopperParams.Q, Tensors.inVectors(q), shape.rows);
        params.map(HopperParams.K, Tensors.inVectors(k), shape.keys);
        params.map(HopperParams.V, Tensors.inVectors(v), shape.keys);
        params.set(HopperParams.LENGTHS, lengths(q, spec));
        return params;
    }

    /** Launches one block a multiprocessor, which take tiles from {@code first} on. */
    private static void launch(CudaModule module, String name, Shape shape, HopperParams params, Tensor q, int first) {
        params.set(HopperParams.NEXT, Tensors.full(first, Tensors.options(ScalarType.Int, q.device()), 1));
        module.kernel(name)
                .launch(Gpu.of(q.device()).multiprocessors(), 1, shape.threads, 1, shape.shared, params.bytes());
    }

    /** Launches a kernel of which a block takes the heads of some tokens at a time. */
    private static void join(CudaModule module, String name, Tensor q, int x, int y, Object... arguments) {
        long tokens = BATCH / q.size(2), batches = (q.size(0) * q.size(1) + tokens - 1) / tokens;
        long blocks = Math.min(batches, 16L * Gpu.of(q.device()).multiprocessors());
        module.kernel(name).launch(blocks, 1, x, y, 0, arguments);
    }

    private static int chunks(Tensor q) {
        return (int) q.size(3) / 8;
    }

    /** What a kernel's source says of its launch: rows of a query box and of a key box, threads and shared bytes. */
    private record Shape(int rows, int keys, int threads, int shared) {
        Shape(int[] constants) {
            this(constants[0], constants[1], constants[2], constants[3]);
        }
    }

    private static CudaModule module(String name, Tensor q, AttentionSpec spec, SharedPairs pairs) {
        Map<String, Integer> defines = Map.of(
                "D", q.size(3) > 64 ? 128 : 64,
                "HALF", Tensors.type(q) == ScalarType.Half ? 1 : 0,
                "CAUSAL", spec.causal() ? 1 : 0,
                "CYCLE", pairs.cycle());
        return CudaModule.of(q.device(), AttentionKernel.class, "hopper/" + name + ".cu", defines);
    }

    private static void requireFit(Tensor q, AttentionSpec spec) {
        Attention.requireFit(HOPPER, q, spec);
        requireArgument(
                q.size(0) <= MOST_EXAMPLES && q.size(1) < Integer.MAX_VALUE - (1 << 20),
                "attention kernel hopper takes batches up to %d of sequences below 2^31 tokens, got %d of %d",
                MOST_EXAMPLES,
                q.size(0),
                q.size(1));
    }

    private static Tensor zeros(Tensor q, long count) {
        return Tensors.zeros(Tensors.options(ScalarType.Int, q.device()), count);
    }

    private static Tensor lengths(Tensor q, AttentionSpec spec) {
        return spec.ragged(q.size(1)) ? Tensors.of(spec.lengths(), q.device()).to(ScalarType.Int) : null;
    }

    /** The tensor, or a copy, with its numbers one after another. */
    private static Tensor whole(Tensor tensor) {
        return tensor.is_contiguous() && Tensors.address(tensor) % Tensors.VECTOR == 0 ? tensor : Tensors.copy(tensor);
    }
}
