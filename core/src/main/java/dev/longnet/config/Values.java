package dev.longnet.config;

import static dev.longnet.Checks.requireArgument;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import dev.longnet.InvalidArgumentException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Single values of a configuration: text to Java and back, for each type that a key may have. */
final class Values {
    private static final Pattern DECIMAL = Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?");
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z_][A-Za-z0-9_./-]*");
    private static final Set<String> RESERVED = Set.of("true", "false", "null", "yes", "no", "on", "off", "y", "n");

    private Values() {}

    /**
     * Converts the text of a value.
     *
     * @throws IllegalArgumentException saying the text and what is expected
     */
    static Object parse(Class<?> type, String text) {
        if (type == String.class) {
            return text;
        }
        if (type == boolean.class) {
            return parseBoolean(text);
        }
        if (type == int.class) {
            long value = Sizes.parse(text);
            requireArgument(value == (int) value, "\"%s\" is outside of -2^31 to 2^31 - 1", text);
            return (int) value;
        }
        if (type == long.class) {
            return Sizes.parse(text);
        }
        if (type == double.class) {
            boolean decimal = DECIMAL.matcher(text).matches();
            requireArgument(decimal, "\"%s\" is not a number such as 0.1 or 1e-3", text);
            return Double.parseDouble(text);
        }
        return type.isEnum() ? parseEnum(type, text) : parseByMethod(type, text);
    }

    /** The type in words for the reference page. */
    static String describe(Class<?> type) {
        if (type == int.class || type == long.class) {
            return "a whole number";
        }
        if (type == double.class) {
            return "a number";
        }
        if (type == boolean.class) {
            return "true or false";
        }
        if (type == List.class) {
            return "a list of texts";
        }
        return type.isEnum() ? or(enumNames(type)) : "a text";
    }

    /** The value as YAML that {@link #parse} and other YAML readers take back. */
    static String write(Object value) {
        if (value instanceof List<?> list) {
            return list.stream().map(Values::write).collect(Collectors.joining(", ", "[", "]"));
        }
        if (value instanceof Enum<?> name) {
            return enumName(name);
        }
        if (value instanceof Double number) {
            return number.toString().replace('E', 'e');
        }
        if (value instanceof Number || value instanceof Boolean) {
            return value.toString();
        }
        String text = value.toString();
        boolean plain = PLAIN.matcher(text).matches() && !RESERVED.contains(text.toLowerCase(Locale.ROOT));
        return plain ? text : '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
    }

    private static boolean parseBoolean(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new InvalidArgumentException("\"%s\" is not true or false", text);
        };
    }

    private static Object parseEnum(Class<?> type, String text) {
        for (Object constant : type.getEnumConstants()) {
            if (enumName((Enum<?>) constant).equals(text.toLowerCase(Locale.ROOT))) {
                return constant;
            }
        }
        List<String> names = enumNames(type);
        Optional<String> nearest = Suggestions.nearest(text, names);
        throw new InvalidArgumentException(
                "\"%s\" is not %s%s",
                text,
                or(names),
                nearest.map(name -> "; did you mean " + name + "?").orElse(""));
    }

    private static Object parseByMethod(Class<?> type, String text) {
        try {
            Method parse = type.getMethod("parse", String.class);
            if (Modifier.isStatic(parse.getModifiers())) {
                return parse.invoke(null, text);
            }
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof InvalidArgumentException refused) {
                throw refused;
            }
            throw new IllegalStateException("cannot read a " + type.getSimpleName(), e.getCause());
        } catch (ReflectiveOperationException e) {
            throw unsupported(type, e);
        }
        throw unsupported(type, null);
    }

    private static IllegalStateException unsupported(Class<?> type, Throwable cause) {
        return new IllegalStateException(
                type.getName() + " cannot be a configuration value: it has no public static parse(String)", cause);
    }

    private static List<String> enumNames(Class<?> type) {
        List<String> names = new ArrayList<>();
        Arrays.stream(type.getEnumConstants()).forEach(constant -> names.add(enumName((Enum<?>) constant)));
        return names;
    }

    private static String enumName(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    /** "a, b or c". */
    private static String or(List<String> names) {
        int last = names.size() - 1;
        return last == 0 ? names.get(0) : String.join(", ", names.subList(0, last)) + " or " + names.get(last);
    }
}
