package dev.longnet.app;

import dev.longnet.InvalidArgumentException;
import dev.longnet.config.Sizes;
import dev.longnet.pattern.DilationPattern;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * How options of all commands read their text: whole numbers take k, m and g (1024, 1024², 1024³), and a
 * {@link DilationPattern} is written 2048:1,4096:2. An option of type {@code List<Long>} with {@code split = ","} reads
 * lengths as 1k,2k,8k.
 */
final class Converters {
    private Converters() {}

    static void register(CommandLine commandLine) {
        ITypeConverter<Long> whole = converter(Sizes::parse);
        ITypeConverter<Integer> small = converter(Converters::parseInt);
        commandLine
                .registerConverter(long.class, whole)
                .registerConverter(Long.class, whole)
                .registerConverter(int.class, small)
                .registerConverter(Integer.class, small)
                .registerConverter(DilationPattern.class, converter(DilationPattern::parse));
    }

    private static int parseInt(String text) {
        long value = Sizes.parse(text);
        if (value != (int) value) {
            throw new InvalidArgumentException("\"%s\" is outside of -2^31 to 2^31 - 1", text);
        }
        return (int) value;
    }

    /** Lets a refusal reach the user in its own words. */
    private static <T> ITypeConverter<T> converter(Function<String, T> parse) {
        return text -> {
            try {
                return parse.apply(text);
            } catch (InvalidArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        };
    }
}
