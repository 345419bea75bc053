package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading and serving that is killed from one moment to the next loses at most what was not saved yet. */
class KilledTest {
    private static final int TOKENS = 200_000;
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    static Path folder;

    private static Path run, text;

    @BeforeAll
    static void aModel() throws IOException {
        text = Cli.write(folder);
        run = folder.resolve("run");
        Cli.ok("train", "--data", text, "--out", run, "--config", folder.resolve("tiny.yaml"), "--quiet");
    }

    private static Object[] read(String state, Object... more) {
        Object[] first = {
            "read",
            "--model",
            run,
            "--data",
            text,
            "--state",
            folder.resolve(state),
            "--tokens",
            TOKENS,
            "--piece",
            500,
            "--json",
            "--quiet",
            "--threads",
            1
        };
        Object[] all = Arrays.copyOf(first, first.length + more.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return all;
    }

    @Test
    void readingGoesOnFromTheStateItSaved() throws Exception {
        try (Program program = Program.start(read("killed.lns", "--every", 1000))) {
            program.await("three reports", () -> program.out().lines().count() >= 3);
            program.signal("KILL");
            program.process().waitFor();
        }
        List<JsonNode> rest = Cli.ok(read("killed.lns", "--every", 50_000)).json();
        assertThat(rest.get(0).path("tokens").asLong()).isGreaterThan(52_000); // it did not begin again
        List<JsonNode> whole = Cli.ok(read("whole.lns")).json();
        JsonNode a = rest.get(rest.size() - 1), b = whole.get(whole.size() - 1);
        assertThat(a.path("position")).isEqualTo(b.path("position"));
        assertThat(a.path("loss").asDouble()).isEqualTo(b.path("loss").asDouble());
        assertThat(a.path("byPosition")).isEqualTo(b.path("byPosition"));
        assertThat(Files.readAllBytes(folder.resolve("killed.lns")))
                .isEqualTo(Files.readAllBytes(folder.resolve("whole.lns")));
    }

    private static JsonNode post(String url, Map<String, ?> body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body)))
                .build();
        return JSON.readTree(HttpClient.newHttpClient()
                .send(request, HttpResponse.BodyHandlers.ofString())
                .body());
    }

    private static Program serve() throws IOException {
        return Program.start("serve", "--model", run, "--port", 0, "--json", "--quiet", "--threads", 1);
    }

    private static String url(Program program) throws Exception {
        program.await("its address", () -> program.out().contains("\n"));
        return JSON.readTree(program.out()).path("url").asText();
    }

    @Test
    void aServerHasTheStatesThatItAnsweredFor() throws Exception {
        Map<String, Object> question = Map.of("prompt", "line ", "state", "song", "max_tokens", 20, "temperature", 0);
        String answer;
        try (Program program = serve()) {
            String url = url(program);
            post(url + "/v1/states", Map.of("name", "song", "text", "line 3 of a song.\n".repeat(40)));
            answer = post(url + "/v1/completions", question)
                    .path("choices")
                    .path(0)
                    .path("text")
                    .asText();
            Thread late = new Thread(() -> {
                try {
                    post(url + "/v1/states", Map.of("name", "late", "text", "line 4 of a song.\n".repeat(400_000)));
                } catch (Exception e) {
                    // the server is killed
                }
            });
            late.start();
            while (JSON.readTree(URI.create(url + "/health").toURL())
                            .path("running")
                            .asInt()
                    == 0) {
                Thread.sleep(10);
            }
            program.signal("KILL");
            program.process().waitFor();
            late.join();
        }
        try (Program program = serve()) {
            String url = url(program);
            JsonNode states = JSON.readTree(URI.create(url + "/v1/states").toURL());
            assertThat(states.path("data").findValuesAsText("id")).containsExactly("song");
            assertThat(post(url + "/v1/completions", question)
                            .path("choices")
                            .path(0)
                            .path("text")
                            .asText())
                    .isEqualTo(answer)
                    .isNotEmpty();
            program.signal("TERM");
            assertThat(program.join().code()).isIn(0, 143);
        }
    }

    @Test
    void whatIsNoStateIsRefusedAndNotKept() throws Exception {
        Path file = Files.writeString(folder.resolve("noState.txt"), "not a state");
        assertThat(Cli.refused(1, "serve", "--model", run, "--state", file, "--port", 0))
                .contains("noState.txt");
        assertThat(Cli.refused(1, "serve", "--model", run, "--state", folder.resolve("none"), "--port", 0))
                .contains("\"longnet read\" makes one");
        assertThat(Cli.refused(2, "serve", "--model", run, "--host", "0.0.0.0")).contains("--api-key");
        assertThat(run.resolve("states/noState.txt.lns")).doesNotExist();
    }
}
