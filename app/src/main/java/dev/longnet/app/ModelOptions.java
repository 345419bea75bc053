package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.train.TrainConfig.Precision;
import java.util.Locale;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The size of a new decoder that a benchmark makes; use as a {@link Mixin}. */
final class ModelOptions {
    @Option(names = "--layers", paramLabel = "COUNT", defaultValue = "4", description = "Blocks (default: 4).")
    private int layers;

    @Option(
            names = "--embedding",
            paramLabel = "E",
            defaultValue = "256",
            description = "Width of the model (default: 256).")
    private int embedding;

    @Option(names = "--heads", paramLabel = "H", defaultValue = "4", description = "Query heads (default: 4).")
    private int heads;

    @Option(
            names = "--key-value-heads",
            paramLabel = "HK",
            description = "Key and value heads, a divisor of --heads (default: as many).")
    private Integer keyValueHeads;

    @Option(
            names = "--feed-forward",
            paramLabel = "F",
            description = "Width of the feed-forward layers (default: 4 × embedding).")
    private Integer feedForward;

    @Option(
            names = "--vocabulary",
            paramLabel = "V",
            defaultValue = "256",
            description = "Tokens there are (default: 256).")
    private int vocabulary;

    @Option(
            names = "--pattern",
            paramLabel = "W:R,...",
            defaultValue = "512:1,1024:2,2048:4,8192:16",
            description = "Branches as segment:ratio (default: ${DEFAULT-VALUE}).")
    private DilationPattern pattern;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            defaultValue = "float32",
            description = "Matrix products in float32 or bfloat16 (default: ${DEFAULT-VALUE}).")
    private Precision precision;

    /** The decoder's configuration; what the options do not name is as in {@link LongNetConfig#defaults}. */
    LongNetConfig model() {
        requireArgument(vocabulary > 0, "vocabulary must be positive, got %d", vocabulary);
        requireArgument(
                feedForward != null || embedding <= Integer.MAX_VALUE / 4,
                "embedding %d is too wide for feed-forward layers of 4 times its width; make it smaller",
                embedding);
        LongNetConfig base = LongNetConfig.defaults();
        return new LongNetConfig(
                vocabulary,
                embedding,
                layers,
                heads,
                keyValueHeads == null ? heads : keyValueHeads,
                feedForward == null ? 4 * embedding : feedForward,
                pattern,
                base.causal(),
                base.positions(),
                base.rotaryBase(),
                base.xposScaleBase(),
                base.norm(),
                base.activation(),
                base.tiedEmbeddings(),
                base.scaleEmbedding(),
                base.dropout(),
                base.normEpsilon());
    }

    boolean bfloat16() {
        return precision == Precision.BFLOAT16;
    }

    /** The model in words, for a heading. */
    String describe() {
        return String.format(
                Locale.ROOT,
                "%d × %d, %d heads, %d tokens, pattern %s, %s",
                layers,
                embedding,
                heads,
                vocabulary,
                pattern,
                bfloat16() ? "bfloat16 products" : "float32");
    }
}
