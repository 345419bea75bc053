package dev.longnet.config;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * Configuration records read from YAML and from {@code key=value} settings, and written back.
 *
 * <p>A configuration record has a public static {@code defaults()}, a {@link Doc} on every component, and components of
 * type int, long, double, boolean, String, enum, {@code List<String>}, a type with a public static
 * {@code parse(String)}, or another configuration record. Keys are the components' names, joined by dots.
 */
public final class Configs {
    private Configs() {}

    /** The record's {@code defaults()}. */
    public static <T extends Record> T defaults(Class<T> type) {
        return Records.defaults(type);
    }

    /**
     * Reads a YAML file and then settings on top of it; keys that neither names keep their value in {@code base}.
     *
     * @param base values of the keys that are not written
     * @param file the YAML file, or null for none
     * @param settings such as {@code train.steps=500}; later ones win
     * @throws IllegalArgumentException naming file, line, key, value and what is expected
     * @throws LongNetException if the file cannot be read
     */
    public static <T extends Record> T read(T base, Path file, List<String> settings) {
        Node.Mapping written = file == null ? new Node.Mapping("--set") : YamlReader.read(text(file), file.toString());
        for (String setting : settings) {
            int equals = setting.indexOf('=');
            requireArgument(equals > 0, "--set %s is not KEY=VALUE, such as train.steps=500", setting);
            written.put(
                    setting.substring(0, equals).trim(),
                    value(setting.substring(equals + 1).trim(), setting));
        }
        return Binder.bind(base, written);
    }

    /** Reads a YAML file on top of the defaults. */
    public static <T extends Record> T read(Class<T> type, Path file) {
        return read(defaults(type), file, List.of());
    }

    /** The same values with some set anew, such as {@code with(config, "model.layers=2", "train.steps=5")}. */
    public static <T extends Record> T with(T base, String... settings) {
        return read(base, null, List.of(settings));
    }

    /**
     * Reads YAML text on top of the defaults.
     *
     * @param source name of the text in messages
     */
    public static <T extends Record> T parse(Class<T> type, String yaml, String source) {
        return Binder.bind(defaults(type), YamlReader.read(yaml, source));
    }

    /** The record as YAML with the meaning of each key above it; reading it gives an equal record. */
    public static String toYaml(Record values) {
        return YamlWriter.write(values);
    }

    /** A list may be set as [a, b]; any other value is its text, whatever YAML would make of it. */
    private static Node value(String text, String setting) {
        String origin = "--set " + setting;
        return text.startsWith("[") ? YamlReader.readNode(text, origin) : new Node.Scalar(text, origin);
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException e) {
            throw new LongNetException(e, "configuration %s does not exist; check the path", file);
        } catch (CharacterCodingException e) {
            throw new LongNetException(e, "configuration %s is not UTF-8 text", file);
        } catch (IOException e) {
            throw new LongNetException(e, "configuration %s cannot be read: %s", file, e.getMessage());
        }
    }
}
