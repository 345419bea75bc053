package dev.longnet.app.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * How well models predict held-out text with more and more context.
 *
 * @param data what they were measured on, empty if it is not said
 * @param models at least one
 */
record Evaluation(String data, List<Model> models) {
    /**
     * One model's results.
     *
     * @param trainedLength tokens of context it was trained with, 0 if it is not said
     */
    record Model(
            String name, long trainedLength, String pattern, List<AtContext> byContext, List<AtPosition> byPosition) {
        /** The result with the most context up to the trained length, else with the least; there must be one. */
        AtContext asTrained() {
            AtContext found = byContext.get(0);
            for (AtContext result : byContext) {
                found = result.context <= trainedLength ? result : found;
            }
            return found;
        }

        double[] contexts(ToDoubleFunction<AtContext> value) {
            return byContext.stream().mapToDouble(value).toArray();
        }

        double[] positions(ToDoubleFunction<AtPosition> value) {
            return byPosition.stream().mapToDouble(value).toArray();
        }
    }

    /** Results where a token sees up to {@code context} tokens; NaN for what was not measured. */
    record AtContext(long context, double loss, double perplexity, double bitsPerByte) {}

    /** Mean loss of the tokens at [from, to) of their document. */
    record AtPosition(long from, long to, double loss) {}

    static Evaluation of(JsonNode json) {
        List<Model> models = new ArrayList<>();
        for (JsonNode model : json.path("models")) {
            List<AtContext> byContext = new ArrayList<>();
            for (JsonNode result : model.path("byContext")) {
                double loss = number(result, "loss");
                byContext.add(new AtContext(
                        result.path("context").asLong(),
                        loss,
                        result.path("perplexity").asDouble(Math.exp(loss)),
                        number(result, "bitsPerByte")));
            }
            byContext.sort(Comparator.comparingLong(AtContext::context));
            List<AtPosition> byPosition = new ArrayList<>();
            for (JsonNode result : model.path("byPosition")) {
                byPosition.add(new AtPosition(
                        result.path("from").asLong(), result.path("to").asLong(), number(result, "loss")));
            }
            byPosition.sort(Comparator.comparingLong(AtPosition::to));
            models.add(new Model(
                    model.path("name").asText("model " + (models.size() + 1)),
                    model.path("trainedLength").asLong(),
                    model.path("pattern").asText(),
                    byContext,
                    byPosition));
        }
        return new Evaluation(json.path("data").asText(), models);
    }

    private static double number(JsonNode result, String key) {
        return result.path(key).asDouble(Double.NaN);
    }
}
