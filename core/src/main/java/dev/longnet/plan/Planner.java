package dev.longnet.plan;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Configs;
import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.DilationPattern;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Predicts steps of one model on one kind of machine. */
public final class Planner {
    private static final double GIB = 1L << 30;

    /** Tokens of a piece where none are given: what {@code longnet read} takes. */
    private static final long PIECE_ON_GPU = 256 << 10, PIECE = 16 << 10;

    /** Share of a prediction below which no measurement was. */
    private static final double LEAST = 0.9;

    private final PlanConfig config;

    public Planner(PlanConfig config) {
        this.config = config;
    }

    /**
     * One optimizer step on one sequence.
     *
     * @param activations what becomes of a block's activations, or null for the first of kept, recomputed and offloaded
     *     that fits; the last where none does
     */
    public Prediction training(long length, int ranks, Activations activations) {
        return training(length, 1, ranks, activations);
    }

    /**
     * The same on several sequences at once.
     *
     * @param batch sequences that the ranks share together
     */
    public Prediction training(long length, int batch, int ranks, Activations activations) {
        requireArgument(batch > 0, "batch must be positive, got %d", batch);
        Shards shards = shards(length, ranks);
        List<RankWork> work =
                work(shards).stream().map(each -> each.times(batch)).toList();
        if (activations != null) {
            return training(shards, batch, work, activations);
        }
        Prediction prediction = null;
        for (Activations each : Activations.values()) {
            if (config.machine().cpu() && each == Activations.OFFLOADED) {
                break; // to where they are already
            }
            prediction = training(shards, batch, work, each);
            if (prediction.fits()) {
                return prediction;
            }
        }
        return prediction;
    }

    /** The forward pass alone, with its loss. */
    public Prediction forward(long length, int ranks) {
        Shards shards = shards(length, ranks);
        List<RankWork> work = work(shards);
        StepTime time = slowest(work.stream()
                .map(each -> StepTime.forward(config, shards, each))
                .toList());
        StepMemory memory = config.machine().cpu()
                ? CpuMemory.forward(config.model(), shards.tokens(), 0)
                : StepMemory.forward(config.model(), shards.tokens(), farRows(work));
        return prediction("forward", shards, 1, null, time, memory, farRows(work));
    }

    /**
     * A text read in pieces by one device, with the loss of every token.
     *
     * @param length tokens of the text
     * @param piece tokens read at once, or null for what {@code longnet read} takes
     */
    public Prediction reading(long length, Long piece) {
        Machine machine = config.machine();
        LongNetConfig model = config.model();
        new Shards(length, 1, 1); // checks the length
        long usual = machine.cpu() ? PIECE : PIECE_ON_GPU, atOnce = Math.min(length, piece == null ? usual : piece);
        requireArgument(atOnce > 0, "a piece has at least one token, got %d", atOnce);
        requireArgument(model.causal(), "a text is read by a causal model; set model.causal=true");
        StepTime time = StepTime.reading(config, length, ReadWork.of(model, length, atOnce));
        double state = KeptRows.bytes(model, atOnce, length, machine.bytes());
        LongNetConfig seen = withPattern(model, model.pattern().at(length - 1));
        StepMemory memory =
                machine.cpu() ? CpuMemory.forward(seen, atOnce, state) : StepMemory.reading(seen, atOnce, state);
        return new Prediction(
                "read",
                length,
                1,
                atOnce,
                model.pattern().toString(),
                null,
                time.total(),
                length / time.total(),
                0,
                time,
                0,
                state,
                memory.gpu(),
                0,
                memory.gpu() <= machine.room());
    }

    /**
     * Memory below which training or reading cannot do: on a CPU without what the allocator holds beside tensors, which is
     * less where it is told to be, on a GPU the prediction less what measurements differ from it by.
     */
    public double leastBytes(Prediction step, int batch) {
        double tokens = (double) batch * step.tokensPerRank();
        if (!config.machine().cpu()) {
            return LEAST * step.memoryBytes();
        }
        return step.activations() == null
                ? step.memoryBytes() / 2
                : CpuMemory.least(config.model(), tokens, step.activations());
    }

    private Shards shards(long length, int ranks) {
        Machine machine = config.machine();
        requireArgument(!machine.cpu() || ranks == 1, "a cpu is planned as one device, got %d; use --devices 1", ranks);
        requireArgument(
                !config.model().pattern().grows()
                        || length <= config.model().pattern().longestSegment(),
                "pattern %s grows from position %d on and a sequence at once does not; write out the branches for %d"
                        + " tokens, or plan reading",
                config.model().pattern(),
                config.model().pattern().longestSegment(),
                length);
        return new Shards(length, ranks, machine.gpus());
    }

    private static LongNetConfig withPattern(LongNetConfig model, DilationPattern pattern) {
        return Configs.with(model, "pattern=" + pattern);
    }

    private Prediction training(Shards shards, int batch, List<RankWork> work, Activations activations) {
        double tokens = (double) batch * shards.tokens();
        StepTime time = slowest(work.stream()
                .map(each -> StepTime.training(config, shards, tokens, each, activations))
                .toList());
        StepMemory memory = config.machine().cpu()
                ? CpuMemory.training(config.model(), tokens, activations)
                : StepMemory.training(config.model(), tokens, shards.ranks(), farRows(work), activations);
        return prediction("training step", shards, batch, activations, time, memory, farRows(work));
    }

    private Prediction prediction(
            String direction,
            Shards shards,
            int batch,
            Activations activations,
            StepTime time,
            StepMemory memory,
            double farRows) {
        Machine machine = config.machine();
        double seconds = time.total();
        double neighbours = Math.min(machine.gpus(), shards.ranks());
        boolean fits = memory.gpu() <= machine.room() && neighbours * memory.host() <= GIB * machine.hostMemory();
        return new Prediction(
                direction,
                shards.length(),
                shards.ranks(),
                shards.tokens(),
                config.model().pattern().toString(),
                activations,
                seconds,
                batch * shards.length() / seconds,
                (time.exchange() + time.averaging()) / seconds,
                time,
                Weights.BF16 * 2 * farRows * config.model().headDim(),
                0,
                memory.gpu(),
                memory.host(),
                fits);
    }

    private List<RankWork> work(Shards shards) {
        return IntStream.range(0, shards.ranks())
                .mapToObj(rank -> RankWork.of(config.model(), shards, rank))
                .distinct()
                .toList();
    }

    private static StepTime slowest(List<StepTime> times) {
        return times.stream().max(Comparator.comparingDouble(StepTime::total)).orElseThrow();
    }

    private static double farRows(List<RankWork> work) {
        return work.stream()
                .mapToDouble(each -> each.nodeRows() + each.networkRows())
                .max()
                .orElseThrow();
    }
}
