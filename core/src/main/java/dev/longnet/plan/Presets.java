package dev.longnet.plan;

import dev.longnet.InvalidArgumentException;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetConfig.Activation;
import dev.longnet.model.LongNetConfig.Norm;
import dev.longnet.model.LongNetConfig.Positions;
import dev.longnet.pattern.DilationPattern;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Models of usual sizes by name: the paper's and GPT-3's shapes over a vocabulary of 50 304, and the quickstart's. */
public final class Presets {
    private static final Map<String, Shape> SHAPES = new LinkedHashMap<>();

    static {
        SHAPES.put("quickstart", new Shape(4, 128, 4, 256));
        SHAPES.put("124m", new Shape(12, 768, 12, 50_304));
        SHAPES.put("350m", new Shape(24, 1024, 16, 50_304));
        SHAPES.put("760m", new Shape(24, 1536, 16, 50_304));
        SHAPES.put("1.3b", new Shape(24, 2048, 16, 50_304));
        SHAPES.put("2.7b", new Shape(32, 2560, 32, 50_304));
        SHAPES.put("6.7b", new Shape(32, 4096, 32, 50_304));
    }

    private record Shape(int layers, int embedding, int heads, int vocabulary) {}

    private Presets() {}

    /** The names, smallest first. */
    public static String names() {
        return String.join(", ", SHAPES.keySet());
    }

    /** Whether a preset has this name. */
    public static boolean has(String name) {
        return SHAPES.containsKey(name.toLowerCase(Locale.ROOT));
    }

    /** A causal model by name, with feed-forward layers of 4 E and no positions, as the paper's published code. */
    public static LongNetConfig of(String name, DilationPattern pattern) {
        Shape shape = SHAPES.get(name.toLowerCase(Locale.ROOT));
        if (shape == null) {
            throw new InvalidArgumentException(
                    "model \"%s\" is not known; use %s, or the folder of a run", name, names());
        }
        LongNetConfig base = LongNetConfig.defaults();
        return new LongNetConfig(
                shape.vocabulary,
                shape.embedding,
                shape.layers,
                shape.heads,
                shape.heads,
                4 * shape.embedding,
                pattern,
                true,
                Positions.NONE,
                base.rotaryBase(),
                base.xposScaleBase(),
                Norm.SUBLN,
                Activation.GELU,
                true,
                true,
                0,
                base.normEpsilon());
    }
}
