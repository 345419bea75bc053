package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.InvalidArgumentException;
import dev.longnet.app.serve.Served.Answer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever clients do, others are answered. */
class FaultsTest {
    private static final int MANY = 60_000;

    @TempDir
    Path folder;

    private static void requireWell(Served served) throws Exception {
        assertThat(served.complete(Map.of("prompt", "a", "max_tokens", 3)).status())
                .isEqualTo(200);
    }

    /** Sends bytes as they are; the answer's first line, or null where there is none. */
    private static String raw(Served served, String head, byte[] body) throws Exception {
        try (Socket socket = new Socket("127.0.0.1", served.server.port())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write(head.getBytes(StandardCharsets.UTF_8));
            socket.getOutputStream().write(body);
            socket.getOutputStream().flush();
            socket.shutdownOutput();
            return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))
                    .readLine();
        } catch (java.net.SocketException e) {
            return null; // it may cut off who sends too much
        }
    }

    private static String post(int length) {
        return "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                + length + "\r\n\r\n";
    }

    @Test
    void badBodiesAreAnswered() throws Exception {
        try (Served served = new Served(folder)) {
            byte[] noise = new byte[10 << 20];
            new Random(1).nextBytes(noise);
            assertThat(served.post("/v1/completions", noise).status()).isEqualTo(400);
            assertThat(served.post("/v1/completions", new byte[17 << 20]).status())
                    .isEqualTo(413);
            Answer utf8 = served.post("/v1/completions", new byte[] {'"', (byte) 0xc3, '"'});
            assertThat(utf8.status()).isEqualTo(400);
            assertThat(utf8.message()).contains("not valid UTF-8");
            for (String wrong : new String[] {"", "{", "[]", "5", "{\"prompt\":\"a\"} x", "[".repeat(100_000)}) {
                Answer answer = served.post("/v1/completions", wrong.getBytes(StandardCharsets.UTF_8));
                assertThat(answer.status())
                        .as(wrong.substring(0, Math.min(20, wrong.length())))
                        .isEqualTo(400);
                assertThat(answer.message()).isNotEmpty().doesNotContain("Exception");
            }
            Answer type = served.send(HttpRequest.newBuilder(served.address("/v1/completions"))
                    .header("Content-Type", "text/plain")
                    .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\":\"a\"}"))
                    .build());
            assertThat(type.status()).isEqualTo(415);
            requireWell(served);
        }
    }

    @Test
    void halfARequestHarmsNobody() throws Exception {
        try (Served served = new Served(folder)) {
            byte[] half = "{\"prompt\":\"abc".getBytes(StandardCharsets.UTF_8);
            String answer = raw(served, post(500), half);
            assertThat(answer == null || answer.contains(" 400 ")).as(answer).isTrue();
            raw(served, "POST /v1/comp", new byte[0]);
            raw(served, "nonsense\r\n\r\n", new byte[0]);
            raw(
                    served,
                    "POST /v1/states HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                            + "Content-Length: 9999\r\n\r\n",
                    "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\nhalf"
                            .getBytes(StandardCharsets.UTF_8));
            requireWell(served);
            assertThat(served.get("/v1/states").json().path("data")).isEmpty();
        }
    }

    private static void awaitActive(Served served, int count) throws Exception {
        long until = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (true) {
            JsonNode health = served.get("/health").json();
            if (health.path("running").asInt() == count) {
                return;
            }
            assertThat(System.nanoTime()).as("%s", health).isLessThan(until);
            Thread.sleep(20);
        }
    }

    @Test
    void whoGoesAwayIsWorkedForNoLonger() throws Exception {
        try (Served served = new Served(folder)) {
            for (boolean stream : new boolean[] {true, false}) {
                byte[] body = ("{\"prompt\":\"a\",\"max_tokens\":" + MANY + ",\"temperature\":0,\"stream\":" + stream
                                + "}")
                        .getBytes(StandardCharsets.UTF_8);
                try (Socket socket = new Socket("127.0.0.1", served.server.port())) {
                    socket.getOutputStream().write(post(body.length).getBytes(StandardCharsets.UTF_8));
                    socket.getOutputStream().write(body);
                    awaitActive(served, 1);
                }
                awaitActive(served, 0);
            }
        }
    }

    @Test
    void moreThanItTakesOnIsRefused() throws Exception {
        Limits few = new Limits(1, 1, 100, MANY, 1000, 1000, Duration.ofMinutes(5));
        try (Served served = new Served(folder, null, few)) {
            Map<String, Object> endless = Map.of("prompt", "a", "max_tokens", MANY, "temperature", 0, "stream", true);
            CompletableFuture<Answer> first = CompletableFuture.supplyAsync(() -> quietly(served, endless));
            awaitActive(served, 1);
            CompletableFuture<Answer> second = CompletableFuture.supplyAsync(() -> quietly(served, endless));
            while (served.get("/health").json().path("waiting").asInt() < 1) {
                Thread.sleep(10);
            }
            Answer third = served.complete(endless);
            assertThat(third.status()).isEqualTo(429);
            assertThat(third.message()).contains("try again in a moment");
            assertThat(third.json().path("error").path("type").asText()).isEqualTo("rate_limit_error");
            assertThat(served.complete(Map.of("prompt", "a".repeat(101))).message())
                    .contains("the prompt has 101 tokens and this server takes 100");
            assertThat(served.complete(Map.of("prompt", "a".repeat(2000))).status())
                    .isEqualTo(413);
            served.server.close(); // those who wait are told
            for (CompletableFuture<Answer> each : Arrays.asList(first, second)) {
                assertThat(each.get().text()).contains("the server is stopping");
            }
        }
    }

    private static Answer quietly(Served served, Map<String, Object> request) {
        try {
            return served.complete(request);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void whatTakesTooLongEnds() throws Exception {
        Limits brief = new Limits(4, 4, 100, MANY, 1000, 1000, Duration.ofMillis(300));
        try (Served served = new Served(folder, null, brief)) {
            Answer answer = served.complete(Map.of("prompt", "a", "max_tokens", MANY, "temperature", 0));
            assertThat(answer.status()).isEqualTo(504);
            assertThat(answer.message()).contains("took longer than");
            awaitActive(served, 0);
            requireWell(served);
        }
    }

    private static int status(Served served, String path, String... headers) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(served.address(path));
        if (headers.length > 0) {
            request.headers(headers);
        }
        return served.send(request.build()).status();
    }

    @Test
    void whoHasNoKeyIsRefused() throws Exception {
        try (Served served = new Served(folder, "secret", Limits.defaults())) {
            for (String path : new String[] {"/v1/models", "/v1/states", "/metrics", "/metrics/", "/v1/nothing"}) {
                assertThat(status(served, path)).as(path).isEqualTo(401);
                assertThat(status(served, path, "Authorization", "Bearer secreT"))
                        .isEqualTo(401);
            }
            assertThat(status(served, "/v1/models", "Authorization", "Bearer secret"))
                    .isEqualTo(200);
            assertThat(status(served, "/metrics", "Authorization", "Bearer secret"))
                    .isEqualTo(200);
            assertThat(status(served, "/health")).isEqualTo(200);
            assertThat(status(served, "/")).isEqualTo(200);
        }
        Server.Settings[] made = new Server.Settings[1];
        assertThatThrownBy(() -> made[0] = new Server.Settings("x", "0.0.0.0", 0, null, folder, null, 0, 1))
                .isInstanceOf(InvalidArgumentException.class)
                .hasMessageContaining("give --api-key");
    }

    @Test
    void pagesOfOtherSitesAreRefused() throws Exception {
        try (Served served = new Served(folder)) {
            String own = "http://127.0.0.1:" + served.server.port();
            assertThat(status(served, "/v1/models", "Origin", own)).isEqualTo(200);
            assertThat(status(served, "/v1/models", "Origin", "https://evil.example"))
                    .isEqualTo(403);
            assertThat(status(served, "/v1/models", "Origin", "null")).isEqualTo(403);
            assertThat(status(served, "/v1/models", "Origin", "http://a b")).isEqualTo(403);
            String answer = raw(
                    served, "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", new byte[0]);
            assertThat(answer).contains(" 403 ");
        }
    }

    @Test
    void aPortThatIsTakenIsSaid() throws Exception {
        try (Served served = new Served(folder)) {
            Server.Settings same =
                    new Server.Settings("x", "127.0.0.1", served.server.port(), null, folder, null, 0, 1);
            assertThatThrownBy(() -> new Server(served.trained, same, Limits.defaults()).close())
                    .hasMessageContaining("cannot be listened on")
                    .hasMessageContaining("--port");
            requireWell(served);
        }
    }
}
