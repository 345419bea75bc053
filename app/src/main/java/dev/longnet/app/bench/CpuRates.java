package dev.longnet.app.bench;

import dev.longnet.attention.Attention;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.config.Configs;
import dev.longnet.model.Execution;
import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.plan.Machine;
import dev.longnet.plan.PlanConfig;
import dev.longnet.plan.Planner;
import dev.longnet.plan.StepTime;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.HostMemory;
import dev.longnet.tensor.Linear;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.Loss;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How fast this machine's processor is at what a model does, measured in a second or two on one block of the model and few
 * tokens: its matrix products, its attention with as many rows a segment as the pattern has, and, by what is left of the
 * block's time, passes over rows.
 */
public final class CpuRates {
    /** Runs of which the shortest is taken, after one that is not counted. */
    private static final int RUNS = 3;

    /** Operations of matrix products that a probe is made for, and the fewest and most tokens that it takes. */
    private static final double OPERATIONS = 2e10;

    private static final int LEAST = 256, MOST = 4096;

    /** Heads that are enough to measure attention on. */
    private static final int HEADS = 4;

    /** What the block attends by, so that attention is little of its time. */
    private static final String NEAR = "256:1";

    private final LongNetConfig model;
    private final boolean bfloat16;
    private final boolean training;
    private final Device device = Compute.device("cpu");

    private CpuRates(LongNetConfig model, boolean bfloat16, boolean training) {
        this.model = model;
        this.bfloat16 = bfloat16;
        this.training = training;
    }

    /**
     * Measures.
     *
     * @param cpu the machine whose rates and memory are to be this one's
     * @param bfloat16 whether matrix products are in bfloat16
     * @param training whether to measure backward passes too
     * @param threads of the CPU, 0 for one a core
     */
    public static Machine of(Machine cpu, LongNetConfig model, boolean bfloat16, boolean training, int threads) {
        Compute.threads(threads);
        try (Scope scope = new Scope()) {
            Tensor random = Compute.randomState();
            Machine measured = new CpuRates(model, bfloat16, training).measure(cpu);
            Compute.randomState(random);
            return measured;
        }
    }

    private Machine measure(Machine cpu) {
        double gib = Math.rint(10.0 * HostMemory.total() / (1 << 30)) / 10;
        Machine machine = cpu.withMemory(gib).withProducts(products());
        int tokens = tokens((training ? 6 : 2) * weights());
        LongNetConfig block =
                Configs.with(model, "layers=1", "vocabulary=256", "pattern=" + NEAR, "causal=true", "dropout=0");
        double near = attention(block.pattern(), tokens, model.heads(), training);
        double whole = block(block, tokens);
        machine = withAttention(machine);
        // What is left of the block's time is passes over rows, as the planner counts them.
        Planner planner = new Planner(new PlanConfig(block, machine.withBandwidth(1)));
        StepTime parts = training
                ? planner.training(tokens, 1, Activations.KEPT).parts()
                : planner.forward(tokens, 1).parts();
        double rows = Math.max(whole - near - parts.products(), whole / 10);
        return machine.withBandwidth((parts.rows() + parts.optimizer()) / rows);
    }

    private double weights() {
        double e = model.embedding();
        return e * (2 * e + 2.0 * model.keyValueHeads() * model.headDim()) + 2 * e * model.feedForward();
    }

    private static int tokens(double operationsAToken) {
        double tokens = Math.min(MOST, Math.max(LEAST, OPERATIONS / operationsAToken));
        return Integer.highestOneBit((int) tokens);
    }

    /** TFLOP/s of the feed-forward layer's two products. */
    private double products() {
        double operations = 4.0 * model.embedding() * model.feedForward();
        int rows = tokens(operations);
        try (Scope scope = new Scope()) {
            Tensor x = normal(rows, model.embedding());
            Tensor up = normal(model.feedForward(), model.embedding()),
                    down = normal(model.embedding(), model.feedForward());
            double seconds = shortest(() -> {
                try (var off = Gradient.off();
                        Scope run = new Scope()) {
                    Devices.await(Linear.apply(Linear.apply(x, up, null, bfloat16), down, null, bfloat16));
                }
            });
            return operations * rows / seconds / 1e12;
        }
    }

    /** The rates of attention with the pattern's rows a segment, of which the longest are no longer than the probe. */
    private Machine withAttention(Machine machine) {
        int heads = Math.min(HEADS, model.heads());
        DilationPattern probe = new DilationPattern(model.pattern().branches().stream()
                .map(CpuRates::within)
                .distinct()
                .toList());
        double operations = 4 * model.headDim() * probe.visiblePairs(MOST, heads, model.causal());
        double forward = attention(probe, MOST, heads, false);
        double backward = training ? attention(probe, MOST, heads, true) - forward : 2.5 * forward;
        return machine.withAttention(
                model.headDim(), operations / forward / 1e12, 2.5 * operations / Math.max(backward, forward) / 1e12);
    }

    /** A branch that keeps as many rows of a segment, of as few tokens as the probe has. */
    private static Branch within(Branch branch) {
        if (branch.segment() <= MOST) {
            return branch;
        }
        double shorter = (double) branch.segment() / MOST;
        return new Branch(MOST, (int) Math.max(1, Math.round(branch.ratio() / shorter)));
    }

    /** Seconds of attention over so many tokens. */
    private double attention(DilationPattern pattern, int tokens, int heads, boolean backward) {
        int keyHeads = model.heads() == heads ? model.keyValueHeads() : heads, dim = model.headDim();
        AttentionSpec spec = AttentionSpec.of(pattern, model.causal(), dim);
        AttentionKernel kernel = AttentionKernel.of("auto");
        try (Scope scope = new Scope()) {
            Tensor q = normal(1, tokens, heads, dim).set_requires_grad(backward);
            Tensor k = normal(1, tokens, keyHeads, dim).set_requires_grad(backward);
            Tensor v = normal(1, tokens, keyHeads, dim).set_requires_grad(backward);
            Tensor dout = backward ? normal(1, tokens, heads, dim) : null;
            return shortest(() -> {
                try (Scope run = new Scope()) {
                    Tensor out = Attention.attend(q, k, v, spec, kernel);
                    Devices.await(backward ? Gradient.of(out, dout, q, k, v)[1] : out);
                }
            });
        }
    }

    /** Seconds of a block with embedding and loss, and their gradients where training is planned. */
    private double block(LongNetConfig block, int tokens) {
        if (training) {
            TrainBenchmark benchmark =
                    new TrainBenchmark(block, 1, bfloat16, Activations.KEPT, "auto", "cpu", Mesh.ALONE);
            try (Workload steps = benchmark.steps(tokens)) {
                return shortest(steps::run);
            }
        }
        Execution execution = Execution.PLAIN.withNumbers(Execution.Numbers.of(bfloat16, device));
        try (Scope scope = new Scope()) {
            LongNetDecoder decoder = new LongNetDecoder(block);
            long[] numbers =
                    new SplittableRandom(1).longs(tokens, 0, block.vocabulary()).toArray();
            Tensor text = Tensors.of(numbers, device, 1, tokens);
            return shortest(() -> {
                try (var off = Gradient.off();
                        Scope run = new Scope()) {
                    Devices.await(Loss.losses(decoder, decoder.features(text, execution), text, MOST, execution));
                }
            });
        }
    }

    private Tensor normal(long... shape) {
        TensorOptions options = Tensors.options(ScalarType.Float, device);
        return Tensors.randn(options, shape);
    }

    /** The shortest of some runs: what disturbs a run only makes it longer. */
    private static double shortest(Runnable work) {
        work.run();
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < RUNS; i++) {
            long begin = System.nanoTime();
            work.run();
            least = Math.min(least, (System.nanoTime() - begin) / 1e9);
        }
        return least;
    }
}
