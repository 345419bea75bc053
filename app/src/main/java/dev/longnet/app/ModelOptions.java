package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetConfig.Positions;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.train.TrainConfig;
import dev.longnet.train.TrainConfig.Precision;
import java.util.Locale;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The size of a new decoder that a benchmark makes; use as a {@link Mixin}. What is not given is that of a small model
 * for a CPU, or of the paper's smallest in bfloat16.
 */
final class ModelOptions {
    @Option(names = "--layers", paramLabel = "COUNT", description = "Blocks (default: 4; the paper's 12).")
    private Integer layers;

    @Option(
            names = "--embedding",
            paramLabel = "E",
            description = "Width of the model (default: 256; the paper's 768).")
    private Integer embedding;

    @Option(names = "--heads", paramLabel = "H", description = "Query heads (default: 4; the paper's 12).")
    private Integer heads;

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
            description = "Tokens there are (default: 256; the paper's model 50304).")
    private Integer vocabulary;

    @Option(
            names = "--pattern",
            paramLabel = "W:R,...",
            description = "Branches as segment:ratio (default: 512:1,1024:2,2048:4,8192:16; the paper's "
                    + "2048:1,4096:2,8192:4,16384:6,32768:12).")
    private DilationPattern pattern;

    @Option(
            names = "--positions",
            paramLabel = "KIND",
            description = "xpos, rotary or none (default: xpos; the paper's model none, as its published code).")
    private Positions positions;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            description = "Matrix products, and on a GPU activations, in float32, bfloat16 or as auto chooses (default:"
                    + " bfloat16 for the paper's model, else auto: bfloat16 on an NVIDIA GPU, float32 elsewhere).")
    private Precision precision;

    @Option(
            names = "--paper",
            negatable = true,
            description = "The defaults of the paper's smallest model, 12 × 768; they hold for bench train on an NVIDIA"
                    + " GPU unless --no-paper is given.")
    private Boolean paper;

    /**
     * The decoder's configuration; what the options do not name is as in {@link LongNetConfig#defaults}.
     *
     * @param paperByItself whether the paper's model is measured where nothing is asked for
     */
    LongNetConfig model(boolean paperByItself) {
        boolean large = isPaper(paperByItself);
        int width = or(embedding, large ? 768 : 256), queries = or(heads, large ? 12 : 4);
        int tokens = or(vocabulary, large ? 50_304 : 256);
        requireArgument(tokens > 0, "vocabulary must be positive, got %d", tokens);
        requireArgument(
                feedForward != null || width <= Integer.MAX_VALUE / 4,
                "embedding %d is too wide for feed-forward layers of 4 times its width; make it smaller",
                width);
        LongNetConfig base = LongNetConfig.defaults();
        return new LongNetConfig(
                tokens,
                width,
                or(layers, large ? 12 : 4),
                queries,
                or(keyValueHeads, queries),
                or(feedForward, 4 * width),
                pattern != null ? pattern : large ? DilationPattern.PAPER : base.pattern(),
                base.causal(),
                positions != null ? positions : large ? Positions.NONE : base.positions(),
                base.rotaryBase(),
                base.xposScaleBase(),
                base.norm(),
                base.activation(),
                base.tiedEmbeddings(),
                base.scaleEmbedding(),
                base.dropout(),
                base.normEpsilon());
    }

    /**
     * Whether products, and on a GPU activations, are bfloat16.
     *
     * @param device by name
     * @param paperByItself as for {@link #model}
     */
    boolean bfloat16(String device, boolean paperByItself) {
        Precision asked = precision == null && isPaper(paperByItself) ? Precision.BFLOAT16 : precision;
        return TrainConfig.bfloat16(asked == null ? Precision.AUTO : asked, Compute.device(device));
    }

    /** Whether the defaults are those of the paper's model. */
    boolean isPaper(boolean byItself) {
        return paper == null ? byItself : paper;
    }

    private static int or(Integer given, int otherwise) {
        return given == null ? otherwise : given;
    }

    /** A model in words, for a heading. */
    static String describe(LongNetConfig model, boolean bfloat16) {
        return String.format(
                Locale.ROOT,
                "%d × %d, %d heads, %d tokens, pattern %s, positions %s, %s",
                model.layers(),
                model.embedding(),
                model.heads(),
                model.vocabulary(),
                model.pattern(),
                model.positions().name().toLowerCase(Locale.ROOT),
                bfloat16 ? "bfloat16" : "float32");
    }
}
