package dev.longnet.app;

import dev.longnet.app.bench.GenerateBenchmark;
import dev.longnet.model.LongNetConfig;
import dev.longnet.ranks.Mesh;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet bench generate}: time of a token by the length of what was read before it. */
@Command(
        name = "generate",
        description = "Measures the time of a new token after contexts of several lengths.",
        footer = {"", "Memory is that of generating: weights and cache, without the peak of reading the context."})
final class BenchGenerate implements Callable<Integer> {
    @Option(
            names = "--lengths",
            paramLabel = "N",
            split = ",",
            defaultValue = "1k,8k,32k",
            description = "Tokens already read (default: ${DEFAULT-VALUE}).")
    private List<Long> lengths;

    @Option(
            names = "--tokens",
            paramLabel = "COUNT",
            defaultValue = "64",
            description = "New tokens, of whose times the median is taken (default: ${DEFAULT-VALUE}).")
    private int tokens;

    @Mixin
    private ModelOptions model;

    @Mixin
    private BenchOptions options;

    @Mixin
    private OutputOptions outputOptions;

    @Override
    public Integer call() {
        Output output = outputOptions.output();
        BenchOptions.check(lengths);
        options.apply(Mesh.ALONE);
        LongNetConfig decoder = model.model(false);
        boolean bfloat16 = model.bfloat16(options.device(), false);
        GenerateBenchmark benchmark =
                new GenerateBenchmark(decoder, tokens, bfloat16, options.kernel(), options.device());
        lengths.forEach(benchmark::requireRoom);
        for (long length : lengths) {
            options.take(output, "generation after " + length + " tokens", () -> benchmark.measure(length));
        }
        String heading = String.format(
                Locale.ROOT,
                "generation, %s, %s, median of %d tokens",
                ModelOptions.describe(decoder, bfloat16),
                options.place(),
                tokens);
        options.show(output, heading, "context", "ms/token");
        return 0;
    }
}
