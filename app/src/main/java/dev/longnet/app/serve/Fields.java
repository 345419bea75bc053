package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.function.Predicate;

/** The fields of a request, each with its type; one that is null is as if it were not there. */
record Fields(JsonNode json) {
    private static final int SHOWN = 100;

    Fields {
        if (json == null || !json.isObject()) {
            throw new Refusal(400, null, "the body must be a JSON object");
        }
    }

    /** A wrong value as a message shows it. */
    static String shown(JsonNode node) {
        String text = node.toString();
        return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
    }

    /** The field, or null. */
    JsonNode get(String name) {
        JsonNode node = json.get(name);
        return node == null || node.isNull() ? null : node;
    }

    String text(String name, String otherwise) {
        JsonNode node = get(name);
        if (node != null && !node.isTextual()) {
            throw Refusal.of(name, name + " must be a string, got " + shown(node));
        }
        return node == null ? otherwise : node.textValue();
    }

    boolean flag(String name) {
        JsonNode node = get(name);
        if (node != null && !node.isBoolean()) {
            throw Refusal.of(name, name + " must be true or false, got " + shown(node));
        }
        return node != null && node.booleanValue();
    }

    double number(String name, double otherwise) {
        JsonNode node = get(name);
        if (node != null && !node.isNumber()) {
            throw Refusal.of(name, name + " must be a number, got " + shown(node));
        }
        return node == null ? otherwise : node.doubleValue();
    }

    long whole(String name, long otherwise, long least, long most) {
        JsonNode node = get(name);
        if (node == null) {
            return otherwise;
        }
        if (!node.canConvertToExactIntegral() || !node.canConvertToLong()) {
            throw Refusal.of(name, name + " must be a whole number, got " + shown(node));
        }
        long value = node.longValue();
        if (value < least || value > most) {
            throw Refusal.of(name, name + " must lie between " + least + " and " + most + ", got " + value);
        }
        return value;
    }

    /** Refuses a field that other servers know, unless its value changes nothing. */
    void refuse(String name, Predicate<JsonNode> harmless) {
        JsonNode node = get(name);
        if (node != null && !harmless.test(node)) {
            throw Refusal.of(name, name + " is not supported; leave it out");
        }
    }
}
