package dev.longnet.model;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import dev.longnet.pattern.DilationPattern;
import java.util.Locale;

/** The shape of a LongNet model: everything that decides the names and sizes of its weights and what they compute. */
@Doc("The model: its size, what its attention sees, and how its blocks are built")
public record LongNetConfig(
        @Doc(value = "Size V of the vocabulary; 0 takes it from the tokenizer", unit = "tokens")
        int vocabulary,

        @Doc(value = "Width E of the residual stream", unit = "features")
        int embedding,

        @Doc("Number of blocks") int layers,

        @Doc("Query heads H of a block; each has embedding / heads features")
        int heads,

        @Doc("Key and value heads Hk of a block, each shared by heads / keyValueHeads query heads")
        int keyValueHeads,

        @Doc(value = "Width of the feed-forward layer", unit = "features")
        int feedForward,

        @Doc(
                value =
                        "Branches of dilated attention as segment:ratio, segments with k or m for 1024 or 1024²; ... after the"
                                + " last two lets branches go on like them as far as text is read",
                unit = "tokens:1")
        DilationPattern pattern,

        @Doc("Whether a token sees only itself and what stands before it (decoder) or both sides (encoder)")
        boolean causal,

        @Doc("How attention learns where tokens stand") Positions positions,

        @Doc("Base of the rotary angles: feature pair i turns by position × base^(-2i/D)")
        double rotaryBase,

        @Doc(value = "Distance over which xpos dampens once by its factor", unit = "tokens")
        int xposScaleBase,

        @Doc("Where a block normalises") Norm norm,
        @Doc("Non-linearity of the feed-forward layer") Activation activation,

        @Doc("Whether the output projection is the embedding table itself")
        boolean tiedEmbeddings,

        @Doc("Whether embeddings are multiplied by √E before the first block")
        boolean scaleEmbedding,

        @Doc("Share of activations dropped while training, 0 ≤ dropout < 1")
        double dropout,

        @Doc("Added to variances before their root is taken")
        double normEpsilon) {

    /** How attention learns where tokens stand. */
    public enum Positions {
        /** Rotary angles that also dampen with distance (xPos, arXiv 2212.10554); causal models only. */
        XPOS,
        /** Rotary angles alone (arXiv 2104.09864). */
        ROTARY,
        /** None: the embedding alone may carry positions. */
        NONE
    }

    /** Where a block normalises. */
    public enum Norm {
        /** Before and inside both sublayers (MAGNETO, arXiv 2210.06423), as in the paper. */
        SUBLN,
        /** Before both sublayers only. */
        PRENORM
    }

    /** Non-linearity of the feed-forward layer. */
    public enum Activation {
        GELU,
        RELU,
        SWISH
    }

    public LongNetConfig {
        requireArgument(vocabulary >= 0, "vocabulary must be 0 (from the tokenizer) or more, got %d", vocabulary);
        requireArgument(embedding > 0, "embedding must be positive, got %d", embedding);
        requireArgument(layers > 0, "layers must be positive, got %d", layers);
        requireArgument(heads > 0, "heads must be positive, got %d", heads);
        requireArgument(keyValueHeads > 0, "keyValueHeads must be positive, got %d", keyValueHeads);
        requireArgument(feedForward > 0, "feedForward must be positive, got %d", feedForward);
        requireArgument(pattern != null, "pattern is missing; write branches such as 2048:1,4096:2");
        requireArgument(
                positions != null && norm != null && activation != null,
                "positions, norm and activation must each be named, got %s, %s, %s",
                positions,
                norm,
                activation);
        requireArgument(
                embedding % heads == 0,
                "embedding %d is not a multiple of heads %d; use embedding %s, or heads that divide it",
                embedding,
                heads,
                multiplesAround(embedding, heads));
        requireArgument(
                heads % keyValueHeads == 0,
                "heads %d is not a multiple of keyValueHeads %d; use keyValueHeads %d (one for each head) or a divisor",
                heads,
                keyValueHeads,
                heads);
        requireArgument(
                positions != Positions.XPOS || causal,
                "positions xpos dampens with distance to the past and needs causal true; use rotary or none otherwise");
        requireArgument(
                positions == Positions.NONE || embedding / heads % 2 == 0,
                "positions %s turns pairs of features but a head has %d (embedding %d / heads %d); use embedding %s",
                String.valueOf(positions).toLowerCase(Locale.ROOT),
                embedding / heads,
                embedding,
                heads,
                multiplesAround(embedding, 2 * heads));
        requireArgument(
                rotaryBase > 1 && Double.isFinite(rotaryBase),
                "rotaryBase must be a finite number above 1, got %s",
                rotaryBase);
        requireArgument(xposScaleBase > 0, "xposScaleBase must be positive, got %d", xposScaleBase);
        requireArgument(dropout >= 0 && dropout < 1, "dropout must be at least 0 and below 1, got %s", dropout);
        requireArgument(
                normEpsilon > 0 && normEpsilon < 1, "normEpsilon must be above 0 and below 1, got %s", normEpsilon);
    }

    /** A small decoder for a CPU: 4 blocks of 256 features whose pattern reaches 8192 tokens. */
    public static LongNetConfig defaults() {
        return new LongNetConfig(
                0,
                256,
                4,
                4,
                4,
                1024,
                DilationPattern.parse("512:1,1024:2,2048:4,8192:16"),
                true,
                Positions.XPOS,
                10_000,
                512,
                Norm.SUBLN,
                Activation.GELU,
                true,
                true,
                0,
                1e-5);
    }

    /** Features D of one head. */
    public int headDim() {
        return embedding / heads;
    }

    /** Number of trained values of a decoder of this shape; exact up to 2^53. */
    public long parameterCount() {
        // In double, which numbers that no machine could hold do not overflow.
        double e = embedding, f = feedForward, kv = (double) keyValueHeads * headDim();
        boolean subLn = norm == Norm.SUBLN;
        double attention = 2 * (e * e + e) + 2 * (e * kv + kv) + (subLn ? 2 * e : 0);
        double feed = 2 * e * f + e + f + (subLn ? 2 * f : 0);
        double block = attention + feed + 4 * e;
        double tables = e * vocabulary * (tiedEmbeddings ? 1 : 2);
        return (long) (tables + layers * block + 2 * e);
    }

    /** The same model with a vocabulary of {@code size} tokens. */
    public LongNetConfig withVocabulary(int size) {
        return new LongNetConfig(
                size,
                embedding,
                layers,
                heads,
                keyValueHeads,
                feedForward,
                pattern,
                causal,
                positions,
                rotaryBase,
                xposScaleBase,
                norm,
                activation,
                tiedEmbeddings,
                scaleEmbedding,
                dropout,
                normEpsilon);
    }

    /** The multiples of {@code step} next to {@code value}, as "250 or 252". */
    private static String multiplesAround(int value, int step) {
        int below = value / step * step;
        return below == 0 ? String.valueOf(step) : below + " or " + (below + step);
    }
}
