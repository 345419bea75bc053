package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.app.bench.TrainBenchmark;
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
            defaultValue = "16k",
            description = "Sequence lengths in tokens (default: ${DEFAULT-VALUE}).")
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
            names = "--repeats",
            paramLabel = "COUNT",
            defaultValue = "5",
            description = "Timed steps, of which the median is taken (default: ${DEFAULT-VALUE}).")
    private int repeats;

    @Mixin
    private BenchOptions options;

    @Mixin
    private OutputOptions outputOptions;

    @Override
    public Integer call() {
        Output output = outputOptions.output();
        requireArgument(repeats > 0, "repeats must be positive, got %d", repeats);
        BenchOptions.check(lengths);
        options.apply();
        TrainBenchmark benchmark = new TrainBenchmark(
                model.model(), batch, model.bfloat16(), recompute, options.kernel(), options.device());
        lengths.forEach(benchmark::requireRoom);
        for (long length : lengths) {
            options.take(output, "training on " + length + " tokens", () -> benchmark.measure(length, repeats));
        }
        String heading = String.format(
                Locale.ROOT,
                "training steps, %s%s, batch %d, %s, median of %d",
                model.describe(),
                recompute ? ", recomputed" : "",
                batch,
                options.place(),
                repeats);
        options.show(output, heading, "length", "ms/step");
        return 0;
    }
}
