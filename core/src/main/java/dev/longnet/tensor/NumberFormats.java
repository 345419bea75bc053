package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;

import java.util.List;
import java.util.Locale;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Names of the number formats that people choose among. */
public final class NumberFormats {
    /** What {@link #of} takes. */
    public static final List<String> NAMES = List.of("float32", "float64", "bfloat16");

    private NumberFormats() {}

    /**
     * The type of this name: float32, float64 or bfloat16.
     *
     * @throws IllegalArgumentException for another name
     */
    public static ScalarType of(String name) {
        requireArgument(NAMES.contains(name), "dtype \"%s\" is not known; use %s", name, String.join(", ", NAMES));
        return switch (name) {
            case "float64" -> ScalarType.Double;
            case "bfloat16" -> ScalarType.BFloat16;
            default -> ScalarType.Float;
        };
    }

    /** The name of a type, as people write it. */
    public static String name(ScalarType type) {
        return switch (type) {
            case Double -> "float64";
            case Float -> "float32";
            case Half -> "float16";
            default -> type.name().toLowerCase(Locale.ROOT);
        };
    }
}
