package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.app.bench.TrainBenchmark;
import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.ranks.Mesh;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet bench train}: time and memory of whole optimizer steps. */
@Command(
        name = "train",
        description = "Measures whole optimizer steps of a new decoder on random tokens.",
        footer = {
            "",
            "TFLOP/s count 6 operations a matrix weight and token, and attention; recomputation is not counted."
        })
final class BenchTrain implements Callable<Integer> {
    @Option(
            names = "--lengths",
            paramLabel = "N",
            split = ",",
            description = "Sequence lengths in tokens (default: 16k; with the paper's model 32k).")
    private List<Long> lengths;

    @Option(names = "--batch", paramLabel = "B", defaultValue = "1", description = "Sequences a step (default: 1).")
    private int batch;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--recompute",
            description = "Computes a block's activations again in the backward pass instead of keeping them.")
    private boolean recompute;

    @Option(
            names = "--offload",
            description = "Recomputes from inputs of blocks that wait in the host's memory; for the longest sequences.")
    private boolean offload;

    @Option(
            names = "--repeats",
            paramLabel = "COUNT",
            defaultValue = "5",
            description = "Timed steps, of which the median is taken (default: ${DEFAULT-VALUE}).")
    private int repeats;

    @Mixin
    private BenchOptions options;

    @Mixin
    private RankOptions ranks;

    @Mixin
    private OutputOptions outputOptions;

    @Override
    public Integer call() {
        return ranks.run(options.device(), this::measure);
    }

    private int measure(Mesh mesh) {
        Output output = mesh.first() ? outputOptions.output() : Output.NONE;
        requireArgument(repeats > 0, "repeats must be positive, got %d", repeats);
        boolean gpu = options.onGpu(), bfloat16 = model.bfloat16(options.device(), gpu);
        if (lengths == null) {
            lengths = List.of(model.isPaper(gpu) ? 32L << 10 : 16L << 10);
        }
        BenchOptions.check(lengths);
        options.apply(mesh);
        LongNetConfig decoder = model.model(gpu);
        Activations activations = Activations.of(recompute || offload, offload);
        TrainBenchmark benchmark =
                new TrainBenchmark(decoder, batch, bfloat16, activations, options.kernel(), options.device(mesh), mesh);
        lengths.forEach(benchmark::requireRoom);
        for (long length : lengths) {
            options.take(output, "training on " + length + " tokens", () -> benchmark.measure(length, repeats));
        }
        String heading = String.format(
                Locale.ROOT,
                "training steps, %s%s, batch %d, %s, median of %d",
                ModelOptions.describe(decoder, bfloat16),
                activations == Activations.KEPT ? "" : ", " + activations.name().toLowerCase(Locale.ROOT),
                batch,
                options.place(),
                repeats);
        options.show(output, heading, "length", "ms/step");
        return 0;
    }
}
