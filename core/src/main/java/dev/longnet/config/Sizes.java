package dev.longnet.config;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.InvalidArgumentException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Whole numbers as people write them: {@code 8192}, {@code 8_192}, {@code 8k} (× 1024), {@code 1m} (× 1024²), {@code 1g} (×
 * 1024³), {@code 1b} (a billion, × 1000³).
 */
public final class Sizes {
    private static final Pattern SIZE = Pattern.compile("([+-]?\\d[\\d_]*)([kmgbKMGB]?)");

    private Sizes() {}

    /**
     * Reads a whole number with an optional suffix k, m or g for 1024, 1024² or 1024³, or b for 1000³.
     *
     * @throws IllegalArgumentException if the text is not such a number or does not fit a long
     */
    public static long parse(String text) {
        Matcher matcher = SIZE.matcher(text.trim());
        requireArgument(matcher.matches(), "\"%s\" is not a whole number such as 8192, 8k or 1m", text);
        try {
            long number = Long.parseLong(matcher.group(1).replace("_", ""));
            return Math.multiplyExact(number, unit(matcher.group(2)));
        } catch (NumberFormatException | ArithmeticException e) {
            throw new InvalidArgumentException(e, "\"%s\" is outside of -2^63 to 2^63 - 1", text);
        }
    }

    /** Writes a number with the largest suffix that divides it: 8192 as "8k", 1000 as "1000", a billion as "1b". */
    public static String format(long number) {
        for (String suffix : new String[] {"g", "b", "m", "k"}) {
            if (number != 0 && number % unit(suffix) == 0) {
                return number / unit(suffix) + suffix;
            }
        }
        return String.valueOf(number);
    }

    private static long unit(String suffix) {
        return switch (suffix.toLowerCase(Locale.ROOT)) {
            case "k" -> 1L << 10;
            case "m" -> 1L << 20;
            case "g" -> 1L << 30;
            case "b" -> 1_000_000_000;
            default -> 1;
        };
    }
}
