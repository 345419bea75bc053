package dev.longnet.plan;

import dev.longnet.model.Execution.Activations;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Predicts steps of one model on one kind of machine. */
public final class Planner {
    private static final double GIB = 1L << 30;

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
        Shards shards = new Shards(length, ranks, config.machine().gpus());
        List<RankWork> work = work(shards);
        if (activations != null) {
            return training(shards, work, activations);
        }
        Prediction prediction = null;
        for (Activations each : Activations.values()) {
            prediction = training(shards, work, each);
            if (prediction.fits()) {
                return prediction;
            }
        }
        return prediction;
    }

    /** The forward pass alone, with its loss. */
    public Prediction forward(long length, int ranks) {
        Shards shards = new Shards(length, ranks, config.machine().gpus());
        List<RankWork> work = work(shards);
        StepTime time = slowest(work.stream()
                .map(each -> StepTime.forward(config, shards, each))
                .toList());
        StepMemory memory = StepMemory.forward(config.model(), shards.tokens(), farRows(work));
        return prediction("forward", shards, null, time, memory, farRows(work));
    }

    private Prediction training(Shards shards, List<RankWork> work, Activations activations) {
        StepTime time = slowest(work.stream()
                .map(each -> StepTime.training(config, shards, each, activations))
                .toList());
        StepMemory memory =
                StepMemory.training(config.model(), shards.tokens(), shards.ranks(), farRows(work), activations);
        return prediction("training step", shards, activations, time, memory, farRows(work));
    }

    private Prediction prediction(
            String direction,
            Shards shards,
            Activations activations,
            StepTime time,
            StepMemory memory,
            double farRows) {
        Machine machine = config.machine();
        double seconds = time.total();
        double neighbours = Math.min(machine.gpus(), shards.ranks());
        boolean fits = memory.gpu() <= GIB * (machine.memory() - machine.reserved())
                && neighbours * memory.host() <= GIB * machine.hostMemory();
        return new Prediction(
                direction,
                shards.length(),
                shards.ranks(),
                shards.tokens(),
                config.model().pattern().toString(),
                activations,
                seconds,
                shards.length() / seconds,
                (time.exchange() + time.averaging()) / seconds,
                time,
                Weights.BF16 * 2 * farRows * config.model().headDim(),
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
