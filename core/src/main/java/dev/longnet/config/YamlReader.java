package dev.longnet.config;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import dev.longnet.InvalidArgumentException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** Reads one YAML document into {@link Node}s that remember their lines; scalars stay text for the binder. */
final class YamlReader {
    private final String source;
    private final YAMLParser parser;

    private YamlReader(String source, YAMLParser parser) {
        this.source = source;
        this.parser = parser;
    }

    /**
     * The document as keys and values; an empty one has no keys.
     *
     * @param source the name of the text in messages, usually a file
     */
    static Node.Mapping read(String yaml, String source) {
        Node node = readNode(yaml, source);
        if (node instanceof Node.Scalar scalar && scalar.text() == null) {
            return new Node.Mapping(source);
        }
        if (node instanceof Node.Mapping mapping) {
            return mapping;
        }
        throw new InvalidArgumentException(
                "%s: expected keys such as \"train:\" but found a %s",
                node.origin(), node instanceof Node.Scalar ? "single value" : "list");
    }

    static Node readNode(String yaml, String source) {
        try (YAMLParser parser = new YAMLFactory().createParser(yaml)) {
            YamlReader reader = new YamlReader(source, parser);
            if (parser.nextToken() == null) {
                return new Node.Scalar(null, source);
            }
            Node node = reader.node();
            if (parser.nextToken() != null) {
                throw reader.error("a second document starts here; keep one");
            }
            return node;
        } catch (JsonProcessingException e) {
            JsonLocation at = e.getLocation();
            String where = at == null ? source : source + ":" + at.getLineNr() + ":" + at.getColumnNr();
            throw new InvalidArgumentException(e, "%s: not valid YAML: %s", where, firstLine(e.getOriginalMessage()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Node node() throws IOException {
        if (parser.isCurrentAlias()) {
            throw error("references (*" + parser.getText() + ") are not supported; write the value out");
        }
        JsonToken token = parser.currentToken();
        return switch (token) {
            case START_OBJECT -> mapping();
            case START_ARRAY -> sequence();
            case VALUE_NULL -> new Node.Scalar(null, origin());
            default -> new Node.Scalar(parser.getText(), origin());
        };
    }

    private Node mapping() throws IOException {
        Node.Mapping mapping = new Node.Mapping(origin());
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            String origin = origin();
            parser.nextToken();
            Node before = mapping.put(key, node());
            if (before != null) {
                throw new InvalidArgumentException(
                        "%s: key %s is written twice, first at %s; keep one", origin, key, before.origin());
            }
        }
        return mapping;
    }

    private Node sequence() throws IOException {
        String origin = origin();
        List<Node> items = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            items.add(node());
        }
        return new Node.Sequence(items, origin);
    }

    private String origin() {
        JsonLocation at = parser.currentTokenLocation();
        return source + ":" + at.getLineNr();
    }

    private InvalidArgumentException error(String message) {
        JsonLocation at = parser.currentTokenLocation();
        return new InvalidArgumentException("%s:%d:%d: %s", source, at.getLineNr(), at.getColumnNr(), message);
    }

    /** SnakeYAML's messages go on with a drawing of the line; the first line says what is wrong. */
    private static String firstLine(String message) {
        return message.lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .findFirst()
                .orElse("cannot be read");
    }
}
