package dev.longnet.config;

import dev.longnet.InvalidArgumentException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Turns what was written into records: keys that are missing keep the value of a base record. */
final class Binder {
    private final List<String> known;

    private Binder(List<String> known) {
        this.known = known;
    }

    static <T extends Record> T bind(T base, Node.Mapping written) {
        List<String> known = Key.of(base).stream().map(Key::path).toList();
        return new Binder(known).record(base, written, "");
    }

    private <T extends Record> T record(T base, Node.Mapping written, String prefix) {
        @SuppressWarnings("unchecked")
        Class<T> type = (Class<T>) base.getClass();
        RecordComponent[] components = type.getRecordComponents();
        List<String> names =
                Arrays.stream(components).map(RecordComponent::getName).toList();
        written.entries().forEach((name, node) -> {
            if (!names.contains(name)) {
                throw unknown(prefix, name, names, node);
            }
        });
        Object[] values = new Object[components.length];
        for (int i = 0; i < components.length; i++) {
            Object before = Records.get(base, components[i]);
            Node node = written.entries().get(names.get(i));
            values[i] = node == null ? before : value(components[i], before, node, prefix + names.get(i));
        }
        try {
            return Records.create(type, values);
        } catch (InvalidArgumentException e) {
            throw refused(prefix, names, e);
        }
    }

    private Object value(RecordComponent component, Object before, Node node, String path) {
        Class<?> type = component.getType();
        if (Records.isGroup(type)) {
            if (node instanceof Node.Mapping mapping) {
                return record((Record) before, mapping, path + ".");
            }
            if (node instanceof Node.Scalar scalar && scalar.text() == null) {
                return before; // a group whose keys are all commented out
            }
            throw wrong(path, node, "keys below it, such as " + firstKey(path));
        }
        if (type == List.class) {
            return texts(node, path);
        }
        if (!(node instanceof Node.Scalar scalar) || scalar.text() == null) {
            throw wrong(path, node, Values.describe(type));
        }
        try {
            return Values.parse(type, scalar.text());
        } catch (InvalidArgumentException e) {
            throw new InvalidArgumentException(e, "%s: %s: %s", node.origin(), path, e.getMessage());
        }
    }

    private static List<String> texts(Node node, String path) {
        List<Node> items = node instanceof Node.Sequence sequence ? sequence.items() : List.of(node);
        List<String> texts = new ArrayList<>();
        for (Node item : items) {
            if (!(item instanceof Node.Scalar scalar) || scalar.text() == null) {
                throw wrong(path, item, "texts such as [a, b]");
            }
            texts.add(scalar.text());
        }
        return List.copyOf(texts);
    }

    private String firstKey(String group) {
        return known.stream()
                .filter(key -> key.startsWith(group + "."))
                .findFirst()
                .orElse(group);
    }

    private InvalidArgumentException unknown(String prefix, String name, List<String> names, Node node) {
        String path = prefix + name;
        String leaf = path.substring(path.lastIndexOf('.') + 1);
        Optional<String> nearest = Suggestions.nearest(path, known)
                .or(() -> Suggestions.nearest(name, names).map(prefix::concat))
                .or(() -> known.stream().filter(key -> key.endsWith("." + leaf)).findFirst());
        String way = nearest.map(key -> "did you mean " + key + "?")
                .orElseGet(() ->
                        "the keys " + (prefix.isEmpty() ? "here" : "of " + prefix.substring(0, prefix.length() - 1))
                                + " are " + String.join(", ", names));
        return new InvalidArgumentException("%s: unknown key %s; %s", node.origin(), path, way);
    }

    private static InvalidArgumentException wrong(String path, Node node, String expected) {
        String found = "a list";
        if (node instanceof Node.Scalar scalar) {
            found = scalar.text() == null ? "nothing" : '"' + scalar.text() + '"';
        } else if (node instanceof Node.Mapping) {
            found = "keys";
        }
        return new InvalidArgumentException("%s: %s must hold %s, found %s", node.origin(), path, expected, found);
    }

    /** A record's own check speaks of its components by name; in front of it goes the way to them. */
    private static InvalidArgumentException refused(String prefix, List<String> names, InvalidArgumentException e) {
        String message = String.valueOf(e.getMessage());
        boolean startsWithName = names.contains(message.split("\\W", 2)[0]);
        String group = prefix.isEmpty() || startsWithName ? prefix : prefix.substring(0, prefix.length() - 1) + ": ";
        return new InvalidArgumentException(e, "%s%s", group, message);
    }
}
