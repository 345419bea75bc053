package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.app.serve.Served.Answer;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was read is kept and gone on from. */
class StatesTest {
    private static final String TEXT = "The first line of a text.\nAnd another one, which is longer.\n".repeat(90);

    @TempDir
    Path folder;

    private static Map<String, Object> prompt(String prompt, String state) {
        Map<String, Object> request = new HashMap<>(Map.of("prompt", prompt, "max_tokens", 20, "temperature", 0));
        if (state != null) {
            request.put("state", state);
        }
        return request;
    }

    @Test
    void goingOnFromAStateIsGoingOnFromItsText() throws Exception {
        String[] expected = new String[2];
        try (Served served = new Served(folder)) {
            Answer made = served.post("/v1/states", Map.of("name", "text", "text", TEXT));
            assertThat(made.status()).as(made.text()).isEqualTo(201);
            // A document ends with a token of its own.
            assertThat(made.json().path("tokens").asInt()).isEqualTo(TEXT.length() + 1);
            assertThat(made.json().path("loss").asDouble()).isBetween(1.0, 10.0);
            String read = TEXT + "\0";
            for (int i = 0; i < 2; i++) { // twice: the state stays as it is
                expected[i] = served.complete(prompt(read + "More", null)).completion();
                assertThat(served.complete(prompt("More", "text")).completion()).isEqualTo(expected[i]);
            }
            Answer more = served.post("/v1/states", Map.of("name", "more", "text", "abc", "from", "text"));
            assertThat(more.json().path("tokens").asInt()).isEqualTo(TEXT.length() + 5);
            assertThat(served.complete(prompt("x", "more")).completion())
                    .isEqualTo(served.complete(prompt(read + "abc\0x", null)).completion());
        }
        try (Served again = new Served(folder)) { // another process would find them, too
            assertThat(StreamSupport.stream(
                                    again.get("/v1/states").json().path("data").spliterator(), false)
                            .map(state -> state.path("id").asText()))
                    .containsExactly("more", "text");
            assertThat(again.complete(prompt("More", "text")).completion()).isEqualTo(expected[0]);
            assertThat(again.delete("/v1/states/text").json().path("deleted").asBoolean())
                    .isTrue();
            assertThat(again.delete("/v1/states/text").status()).isEqualTo(404);
            assertThat(again.complete(prompt("More", "text")).status()).isEqualTo(404);
            assertThat(again.get("/v1/states/more").status()).isEqualTo(200);
        }
    }

    private static HttpRequest upload(Served served, String... parts) {
        StringBuilder body = new StringBuilder();
        for (String part : parts) {
            body.append("--border\r\n").append(part).append("\r\n");
        }
        return HttpRequest.newBuilder(served.address("/v1/states"))
                .header("Content-Type", "multipart/form-data; boundary=border")
                .POST(HttpRequest.BodyPublishers.ofString(body + "--border--\r\n"))
                .build();
    }

    private static String field(String name, String value) {
        return "Content-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value;
    }

    private static String file(String name, String text) {
        return "Content-Disposition: form-data; name=\"files\"; filename=\"" + name
                + "\"\r\nContent-Type: application/octet-stream\r\n\r\n" + text;
    }

    @Test
    void filesAreReadInTheirOrder() throws Exception {
        try (Served served = new Served(folder)) {
            Answer answer = served.send(upload(
                    served,
                    field("name", "files"),
                    field("stream", "true"),
                    file("b/../../evil.java", TEXT),
                    file("empty", ""),
                    file("a.bin", "binary\0"),
                    file("z.jsonl", "{\"text\":\"one\"}\n{\"text\":\"two\"}\n")));
            List<JsonNode> events = Served.events(answer);
            JsonNode state = events.get(events.size() - 1);
            assertThat(state.path("object").asText()).isEqualTo("state");
            assertThat(state.path("tokens").asInt()).isEqualTo(TEXT.length() + 1 + 8);
            assertThat(events.get(0).path("object").asText()).isEqualTo("state.progress");
            assertThat(events.get(0).path("tokens").asInt()).isEqualTo(2048);
            assertThat(events.get(0).path("total").asInt()).isEqualTo(TEXT.length() + 9);
            assertThat(served.complete(prompt("x", "files")).completion())
                    .isEqualTo(served.complete(prompt(TEXT + "\0one\0two\0x", null))
                            .completion());
            try (var entries = Files.list(folder)) {
                assertThat(entries.map(Path::getFileName).map(Path::toString)).containsExactly("files.lns");
            }
        }
    }

    @Test
    void wrongRequestsLeaveNothing() throws Exception {
        try (Served served = new Served(folder)) {
            Map<Map<String, String>, Integer> wrong = new HashMap<>();
            wrong.put(Map.of("text", "abc"), 400);
            wrong.put(Map.of("name", "x"), 400);
            wrong.put(Map.of("name", "../x", "text", "abc"), 400);
            wrong.put(Map.of("name", ".x", "text", "abc"), 400);
            wrong.put(Map.of("name", "x", "text", "abc", "from", "nothing"), 404);
            for (Map.Entry<Map<String, String>, Integer> each : wrong.entrySet()) {
                Answer answer = served.post("/v1/states", each.getKey());
                assertThat(answer.status())
                        .as("%s %s", each.getKey(), answer.text())
                        .isEqualTo(each.getValue());
                assertThat(answer.message()).isNotEmpty();
            }
            assertThat(served.send(upload(served, field("name", "x"))).status()).isEqualTo(400);
            assertThat(served.send(upload(served, field("name", "x"), file("a", "\0\0")))
                            .status())
                    .isNotEqualTo(201);
            assertThat(served.get("/v1/states").json().path("data")).isEmpty();
            assertThat(served.post("/v1/states", Map.of("name", "x", "text", "abc"))
                            .status())
                    .isEqualTo(201);
            assertThat(served.post("/v1/states", Map.of("name", "x", "text", "abc"))
                            .status())
                    .isEqualTo(409);
        }
    }

    @Test
    void damagedStatesAreRefused() throws Exception {
        try (Served served = new Served(folder)) {
            served.post("/v1/states", Map.of("name", "good", "text", TEXT));
            byte[] bytes = Files.readAllBytes(folder.resolve("good.lns"));
            byte[] flipped = bytes.clone();
            flipped[bytes.length - 9] ^= 4;
            Files.write(folder.resolve("flipped.lns"), flipped);
            Files.write(folder.resolve("cut.lns"), Arrays.copyOf(bytes, bytes.length / 2));
            Files.write(folder.resolve("noise.lns"), "not a state".getBytes(StandardCharsets.UTF_8));
            Answer damaged = served.complete(prompt("x", "flipped"));
            assertThat(damaged.status()).isEqualTo(400);
            assertThat(damaged.message()).contains("is damaged (its checksum is another one)");
            assertThat(served.complete(prompt("x", "cut")).status()).isEqualTo(404);
            assertThat(served.complete(prompt("x", "noise")).status()).isEqualTo(404);
            assertThat(served.complete(prompt("x", "good")).status()).isEqualTo(200);
        }
    }
}
