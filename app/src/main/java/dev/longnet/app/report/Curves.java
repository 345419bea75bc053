package dev.longnet.app.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.TreeMap;

/** The numbers of training over its steps, as {@code metrics.jsonl} has them; of a step written twice, by a resumed run, the later line counts. */
final class Curves {
    private final SortedMap<Long, JsonNode> steps = new TreeMap<>();
    private final SortedMap<Long, JsonNode> heldOut = new TreeMap<>();

    void add(JsonNode line) {
        if (line.has("loss")) {
            steps.put(line.path("step").asLong(), line);
        }
        if (line.has("heldOutLoss")) {
            heldOut.put(line.path("step").asLong(), line);
        }
    }

    boolean isEmpty() {
        return steps.isEmpty() && heldOut.isEmpty();
    }

    /** A value of every step as a line over the steps; NaN where a line lacks it. */
    Series series(String name, String key) {
        return series(name, key, steps);
    }

    Series heldOutLoss() {
        return series("held-out loss", "heldOutLoss", heldOut);
    }

    private static Series series(String name, String key, SortedMap<Long, JsonNode> lines) {
        double[] x = lines.keySet().stream().mapToDouble(Long::doubleValue).toArray();
        double[] y = lines.values().stream()
                .mapToDouble(line -> line.path(key).asDouble(Double.NaN))
                .toArray();
        return new Series(name, 0, x, y);
    }

    /** The newest value of a key, NaN if no step has it. */
    double last(String key) {
        double[] values = finite(series(key, key));
        return values.length == 0 ? Double.NaN : values[values.length - 1];
    }

    /** The middle value of a key over all steps, NaN if no step has it. */
    double median(String key) {
        double[] values = finite(series(key, key));
        Arrays.sort(values);
        return values.length == 0 ? Double.NaN : values[values.length / 2];
    }

    /** The newest held-out loss, NaN if none was measured. */
    double lastHeldOutLoss() {
        double[] values = finite(heldOutLoss());
        return values.length == 0 ? Double.NaN : values[values.length - 1];
    }

    /** Mean training loss of the last twentieth of the steps, which one step alone says badly. */
    double lateLoss() {
        double[] values = finite(series("loss", "loss"));
        return Arrays.stream(values, values.length - (values.length + 19) / 20, values.length)
                .average()
                .orElse(Double.NaN);
    }

    private static double[] finite(Series line) {
        return Arrays.stream(line.y()).filter(Double::isFinite).toArray();
    }
}
