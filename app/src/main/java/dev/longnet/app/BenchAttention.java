package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.app.bench.AttentionBenchmark;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.ranks.Mesh;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet bench attention}: time, speed and memory of attention alone. */
@Command(
        name = "attention",
        description = "Measures attention alone, forward and with its gradient, on random inputs.",
        footer = {
            "",
            "TFLOP/s count the field's nominal operations, 4·D a visible pair and 2.5 times that backward.",
            "Over ranks, \"sent\" is what the one that sends most has sent, \"formula\" what it should have by arithmetic."
        })
final class BenchAttention implements Callable<Integer> {
    @Option(
            names = "--lengths",
            paramLabel = "N",
            split = ",",
            defaultValue = "8k,32k",
            description = "Sequence lengths in tokens (default: ${DEFAULT-VALUE}).")
    private List<Long> lengths;

    @Option(
            names = "--pattern",
            paramLabel = "W:R,...",
            defaultValue = "2048:1,4096:2,8192:4,16384:6,32768:12",
            description = "Branches as segment:ratio (default: the paper's, ${DEFAULT-VALUE}).")
    private DilationPattern pattern;

    @Option(names = "--heads", paramLabel = "H", defaultValue = "12", description = "Query heads (default: 12).")
    private int heads;

    @Option(
            names = "--key-value-heads",
            paramLabel = "HK",
            description = "Key and value heads, a divisor of --heads (default: as many).")
    private Integer keyValueHeads;

    @Option(names = "--head-dim", paramLabel = "D", defaultValue = "64", description = "Features a head (default: 64).")
    private int headDim;

    @Option(names = "--batch", paramLabel = "B", defaultValue = "1", description = "Sequences at once (default: 1).")
    private int batch;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description =
                    "Type of the inputs: float32, float64 or bfloat16 (default: bfloat16 on an NVIDIA GPU, else float32).")
    private String dtype;

    @Option(
            names = "--causal",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = "Whether a token sees only itself and what stands before it (default: it does).")
    private boolean causal;

    @Option(
            names = "--repeats",
            paramLabel = "COUNT",
            defaultValue = "5",
            description = "Timed runs, on a GPU rows of ten, of which the median is taken (default: ${DEFAULT-VALUE}).")
    private int repeats;

    @ArgGroup
    private Directions directions = new Directions();

    private static final class Directions {
        @Option(names = "--forward-only", description = "Measures only the forward pass.")
        private boolean forwardOnly;

        @Option(names = "--backward", description = "Measures only forward and backward together.")
        private boolean backwardOnly;
    }

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
        BenchOptions.check(lengths);
        options.apply(mesh);
        String dtype = this.dtype != null ? this.dtype : options.onGpu() ? "bfloat16" : "float32";
        AttentionBenchmark benchmark = new AttentionBenchmark(
                pattern,
                batch,
                heads,
                keyValueHeads == null ? heads : keyValueHeads,
                headDim,
                dtype,
                causal,
                options.kernel(),
                options.device(mesh),
                mesh.sequence());
        lengths.forEach(length -> benchmark.requireRoom(length, !directions.forwardOnly));
        for (long length : lengths) {
            for (boolean backward : new boolean[] {false, true}) {
                if (backward ? !directions.forwardOnly : !directions.backwardOnly) {
                    options.take(
                            output,
                            "attention over " + length + " tokens"
                                    + (backward ? ", forward and backward" : ", forward"),
                            () -> benchmark.measure(length, backward, repeats));
                }
            }
        }
        String heading = String.format(
                Locale.ROOT,
                "attention, %d × %d heads of %d, pattern %s, %s, %s, %s, median of %d",
                batch,
                heads,
                headDim,
                pattern,
                causal ? "causal" : "bidirectional",
                dtype,
                options.place(),
                repeats);
        options.show(output, heading, "length", "ms");
        return 0;
    }
}
