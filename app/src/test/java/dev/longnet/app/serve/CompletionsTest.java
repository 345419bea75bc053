package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.app.serve.Served.Answer;
import dev.longnet.generate.Generator;
import dev.longnet.generate.Sampling;
import dev.longnet.model.Execution;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.StreamSupport;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Completions over HTTP are the model's own. */
class CompletionsTest {
    @TempDir
    static Path folder;

    private static Served served;

    @BeforeAll
    static void serve() {
        served = new Served(folder);
    }

    @AfterAll
    static void stop() {
        served.close();
    }

    /** The bytes that the model writes when it is asked alone, as text. */
    private static String alone(String prompt, int tokens, double temperature, double topP, long seed) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new Generator(served.trained.model(), Execution.PLAIN, 256)
                .generate(
                        served.trained.tokenizer().encode(prompt),
                        tokens,
                        new Sampling(temperature, topP),
                        seed,
                        served.trained.tokenizer().endOfDocument(),
                        token -> {
                            bytes.write(token);
                            return true;
                        });
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static Map<String, Object> request(Object prompt, int tokens, Object... more) {
        Map<String, Object> request = new HashMap<>(Map.of("prompt", prompt, "max_tokens", tokens));
        for (int i = 0; i < more.length; i += 2) {
            request.put((String) more[i], more[i + 1]);
        }
        return request;
    }

    @Test
    void isWhatTheModelWritesAlone() throws Exception {
        Answer answer = served.complete(request("public final ", 40, "temperature", 0));
        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.completion()).isEqualTo(alone("public final ", 40, 0, 1, 1));
        assertThat(answer.json().path("object").asText()).isEqualTo("text_completion");
        assertThat(answer.json().path("model").asText()).isEqualTo("small");
        assertThat(answer.json().path("choices").path(0).path("finish_reason").asText())
                .isEqualTo("length");
        assertThat(answer.json().path("usage").toString())
                .isEqualTo("{\"prompt_tokens\":13,\"completion_tokens\":40,\"total_tokens\":53}");
    }

    /** Each of many texts that go on side by side, and join and leave at any time, is what it would be by itself. */
    @Test
    void nobodyChangesTheTextOfOthers() throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(24);
        List<Future<Answer>> answers = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            Map<String, Object> request =
                    request("x".repeat(1 + i * 7 % 90) + i, 5 + i % 31, "seed", i, "top_p", 0.9, "temperature", 0.8);
            answers.add(clients.submit(() -> served.complete(request)));
        }
        for (int i = 0; i < 60; i++) {
            assertThat(answers.get(i).get().completion())
                    .as("text %d", i)
                    .isEqualTo(alone("x".repeat(1 + i * 7 % 90) + i, 5 + i % 31, 0.8, 0.9, i));
        }
        clients.shutdown();
    }

    @Test
    void aLongPromptIsReadInPieces() throws Exception {
        String prompt = "line of a text that is long\n".repeat(70); // nearly four pieces
        assertThat(served.complete(request(prompt, 12, "temperature", 0)).completion())
                .isEqualTo(alone(prompt, 12, 0, 1, 1));
    }

    @Test
    void streamsThePiecesOfTheSameText() throws Exception {
        String whole = served.complete(request("abc", 30, "seed", 3)).completion();
        Answer stream = served.complete(
                request("abc", 30, "seed", 3, "stream", true, "stream_options", Map.of("include_usage", true)));
        List<JsonNode> events = Served.events(stream);
        StringBuilder text = new StringBuilder();
        events.forEach(
                event -> text.append(event.path("choices").path(0).path("text").asText()));
        assertThat(text.toString()).isEqualTo(whole);
        assertThat(events.size()).isGreaterThan(10);
        JsonNode last = events.get(events.size() - 1), before = events.get(events.size() - 2);
        assertThat(last.path("usage").path("completion_tokens").asInt()).isEqualTo(30);
        assertThat(last.path("choices")).isEmpty();
        assertThat(before.path("choices").path(0).path("finish_reason").asText())
                .isEqualTo("length");
        assertThat(events.get(0).path("choices").path(0).path("finish_reason").isNull())
                .isTrue();
    }

    @Test
    void severalPromptsAndCopies() throws Exception {
        Answer answer = served.complete(request(List.of("abc", "d"), 9, "n", 2, "seed", 5));
        List<String> texts = StreamSupport.stream(answer.json().path("choices").spliterator(), false)
                .map(choice ->
                        choice.path("index").asInt() + choice.path("text").asText())
                .toList();
        assertThat(texts)
                .containsExactly(
                        "0" + alone("abc", 9, 1, 1, 5),
                        "1" + alone("abc", 9, 1, 1, 6),
                        "2" + alone("d", 9, 1, 1, 5),
                        "3" + alone("d", 9, 1, 1, 6));
        int[] tokens = served.trained.tokenizer().encode("abc");
        assertThat(served.complete(request(tokens, 9, "seed", 5)).completion()).isEqualTo(alone("abc", 9, 1, 1, 5));
        assertThat(served.complete(request(List.of(tokens), 9, "seed", 5)).completion())
                .isEqualTo(alone("abc", 9, 1, 1, 5));
    }

    @Test
    void stopsBeforeAStop() throws Exception {
        String whole = alone("abc", 60, 1, 1, 3);
        int at = whole.length() / 2;
        while (Character.isHighSurrogate(whole.charAt(at - 1)) || Character.isLowSurrogate(whole.charAt(at))) {
            at++;
        }
        String stop = whole.substring(at, at + 3);
        for (boolean stream : new boolean[] {false, true}) {
            Answer answer = served.complete(
                    request("abc", 60, "seed", 3, "stop", List.of("not there", stop), "stream", stream));
            StringBuilder text = new StringBuilder();
            String reason;
            if (stream) {
                List<JsonNode> events = Served.events(answer);
                events.forEach(event ->
                        text.append(event.path("choices").path(0).path("text").asText()));
                reason = events.get(events.size() - 1)
                        .path("choices")
                        .path(0)
                        .path("finish_reason")
                        .asText();
            } else {
                text.append(answer.completion());
                reason = answer.json()
                        .path("choices")
                        .path(0)
                        .path("finish_reason")
                        .asText();
            }
            assertThat(text.toString()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
            assertThat(reason).isEqualTo("stop");
        }
    }

    /** Against one forward pass over everything. */
    @ParameterizedTest
    @CsvSource({"true, 7", "false, 7", "true, 0"})
    void tellsHowLikelyTokensWere(boolean echo, int tokens) throws Exception {
        String prompt = "naïve ".repeat(100); // more than a piece
        JsonNode choice = served.complete(request(prompt, tokens, "echo", echo, "logprobs", 3, "seed", 9))
                .json()
                .path("choices")
                .path(0);
        int[] all = served.trained.tokenizer().encode(prompt);
        JsonNode names = choice.path("logprobs").path("tokens"),
                logprobs = choice.path("logprobs").path("token_logprobs"),
                likely = choice.path("logprobs").path("top_logprobs");
        assertThat(names.size()).isEqualTo((echo ? all.length : 0) + tokens);
        assertThat(names.size()).isEqualTo(logprobs.size());
        if (echo) {
            assertThat(logprobs.get(0).isNull()).isTrue();
            assertThat(names.get(2).asText()).isEqualTo("bytes:\\xc3");
            assertThat(choice.path("text").asText()).startsWith(prompt);
            assertThat(choice.path("logprobs").path("text_offset").get(4).asInt())
                    .isEqualTo(3);
            try (var off = Gradient.off();
                    Scope scope = new Scope()) {
                long[] numbers = Arrays.stream(all).asLongStream().toArray();
                Tensor logits = served.trained.model().forward(Tensors.of(numbers, Tensors.cpu(), 1, all.length));
                Tensor p = logits.select(0, 0).log_softmax(1);
                for (int i = 1; i < all.length; i++) {
                    double of = Tensors.item(p.select(0, i - 1).select(0, all[i]));
                    assertThat(logprobs.get(i).asDouble()).as("token %d", i).isCloseTo(of, within(1e-4));
                    double best = Tensors.item(p.select(0, i - 1).max());
                    assertThat(likely.get(i).elements().next().asDouble()).isCloseTo(best, within(1e-4));
                }
            }
        }
    }

    @Test
    void refusesWhatIsWrongAndSaysWhat() throws Exception {
        Map<Map<String, Object>, String> wrong = new HashMap<>();
        wrong.put(request(5, 3), "prompt");
        wrong.put(request(List.of(1, 999), 3), "tokens are whole numbers from 0 to 255, got 999");
        wrong.put(request("a", -1), "max_tokens must lie between 0 and");
        wrong.put(request("a", 1 << 20), "max_tokens must lie between 0 and 65536");
        wrong.put(request("a", 1, "temperature", -1), "temperature");
        wrong.put(request("a", 1, "top_p", -1), "top-p");
        wrong.put(request("a", 1, "temperature", "hot"), "temperature must be a number");
        wrong.put(request("a", 1, "n", 65), "n must lie between 1 and 64");
        wrong.put(request(List.of("a", "b"), 1, "n", 33), "more than 64 texts");
        wrong.put(request("a", 1, "stop", List.of("")), "stop");
        wrong.put(request("a", 1, "logprobs", 99), "logprobs must lie between 0 and 20");
        wrong.put(request("a", 1, "stream", "yes"), "stream must be true or false");
        wrong.put(request("a", 1, "presence_penalty", 0.5), "presence_penalty is not supported");
        wrong.put(request("a", 1, "seed", 1.5), "seed must be a whole number");
        wrong.put(request("a", 60_000, "logprobs", 20, "n", 9), "ask for fewer tokens, copies or logprobs");
        wrong.put(request(List.of(Map.of("a", 1)), 1), "a prompt is a string or an array of token numbers");
        wrong.put(request("a", 1, "stop", "x".repeat(257)), "each stop is a string of 1 to 256 characters");
        for (Map.Entry<Map<String, Object>, String> each : wrong.entrySet()) {
            Answer answer = served.complete(each.getKey());
            assertThat(answer.status()).as("%s", each.getKey()).isEqualTo(400);
            assertThat(answer.message()).contains(each.getValue());
            assertThat(answer.json().path("error").path("type").asText()).isEqualTo("invalid_request_error");
        }
        assertThat(served.complete(request("a", 1, "model", "gpt")).status()).isEqualTo(404);
        assertThat(served.complete(request("a", 1, "state", "none")).status()).isEqualTo(404);
        assertThat(served.get("/v1/completions").status()).isEqualTo(405);
        assertThat(served.get("/v1/other").status()).isEqualTo(404);
        assertThat(served.get("/v1/models")
                        .json()
                        .path("data")
                        .path(0)
                        .path("id")
                        .asText())
                .isEqualTo("small");
    }
}
