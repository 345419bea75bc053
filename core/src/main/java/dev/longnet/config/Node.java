package dev.longnet.config;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What was written for a key, before it is known which type the key has; {@code origin} says where for messages. */
sealed interface Node {
    String origin();

    /** A single value as its text; {@code text} is null where the key stands alone. */
    record Scalar(String text, String origin) implements Node {}

    record Sequence(List<Node> items, String origin) implements Node {}

    /** Keys with their values, in the order they were written. */
    record Mapping(Map<String, Node> entries, String origin) implements Node {
        Mapping(String origin) {
            this(new LinkedHashMap<>(), origin);
        }

        /** Puts a value at a dotted path, making the groups on the way; returns what stood there before or null. */
        Node put(String path, Node value) {
            int dot = path.indexOf('.');
            if (dot < 0) {
                return entries.put(path, value);
            }
            Node group = entries.get(path.substring(0, dot));
            if (!(group instanceof Mapping)) {
                group = new Mapping(value.origin());
                entries.put(path.substring(0, dot), group);
            }
            return ((Mapping) group).put(path.substring(dot + 1), value);
        }
    }
}
