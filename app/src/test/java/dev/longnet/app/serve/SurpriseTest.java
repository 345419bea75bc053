package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.app.serve.Served.Answer;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each loss against a forward pass of its own over just what the token may be foretold from. */
class SurpriseTest {
    private static final String TEXT = "What is said here is foretold, naïvely, by more and more.\n";

    @TempDir
    Path folder;

    /** −ln p of the token after some others. */
    private static double loss(Served served, int[] before, int token) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            long[] numbers = Arrays.stream(before).asLongStream().toArray();
            Tensor logits = served.trained.model().forward(Tensors.of(numbers, Tensors.cpu(), 1, before.length));
            return -Tensors.item(logits.select(0, 0)
                    .select(0, before.length - 1)
                    .log_softmax(0)
                    .select(0, token));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 16, 50})
    void foretellsFromTheTokensBefore(int context) throws Exception {
        try (Served served = new Served(folder)) {
            int[] tokens = served.trained.tokenizer().encode(TEXT);
            Answer answer = served.post("/v1/surprise", Map.of("text", TEXT, "contexts", List.of(context)));
            JsonNode entries = answer.json().path("contexts");
            assertThat(entries.size()).as(answer.text()).isEqualTo(2);
            for (int i = 0; i < 2; i++) {
                JsonNode losses = entries.get(i).path("losses");
                assertThat(losses.size()).isEqualTo(tokens.length);
                assertThat(losses.get(0).isNull()).isTrue();
                double sum = 0;
                for (int at = 1; at < tokens.length; at++) {
                    int from = i == 1 ? 0 : Math.max(0, (at / context - 1) * context);
                    assertThat(at - from).as("context").isGreaterThanOrEqualTo(Math.min(at, context));
                    double expected = loss(served, Arrays.copyOfRange(tokens, from, at), tokens[at]);
                    assertThat(losses.get(at).asDouble()).as("token %d", at).isCloseTo(expected, within(1e-4));
                    sum += expected;
                }
                assertThat(entries.get(i).path("mean").asDouble()).isCloseTo(sum / (tokens.length - 1), within(1e-4));
            }
        }
    }

    @Test
    void goesOnFromAState() throws Exception {
        try (Served served = new Served(folder)) {
            served.post("/v1/states", Map.of("name", "s", "text", TEXT));
            JsonNode contexts = served.post("/v1/surprise", Map.of("text", "is said", "state", "s"))
                    .json()
                    .path("contexts");
            int[] all = served.trained.tokenizer().encode(TEXT + "\0is said");
            for (int i = 1; i < 7; i++) {
                int at = all.length - 7 + i;
                assertThat(contexts.get(contexts.size() - 1)
                                .path("losses")
                                .get(i)
                                .asDouble())
                        .isCloseTo(loss(served, Arrays.copyOf(all, at), all[at]), within(1e-4));
            }
            for (Object text : List.of("", "x".repeat(4097), 5)) {
                assertThat(served.post("/v1/surprise", Map.of("text", text)).status())
                        .isEqualTo(400);
            }
            assertThat(served.post("/v1/surprise", Map.of("text", "abc", "contexts", List.of(0)))
                            .status())
                    .isEqualTo(400);
        }
    }
}
