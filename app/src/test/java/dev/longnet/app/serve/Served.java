package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.config.Configs;
import dev.longnet.data.Tokenizer;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.train.RunConfig;
import dev.longnet.train.TrainedModel;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A server over a small model with random weights, and a client. */
final class Served implements AutoCloseable {
    static final ObjectMapper JSON = new ObjectMapper();

    final TrainedModel trained;
    final Server server;
    private final Scope scope = new Scope();
    private final HttpClient http = HttpClient.newHttpClient();

    /** An answer with its JSON, unless it is something else. */
    record Answer(int status, String text, JsonNode json) {
        String message() {
            return json.path("error").path("message").asText();
        }

        /** Text of the first choice. */
        String completion() {
            return json.path("choices").path(0).path("text").asText();
        }
    }

    Served(Path states) {
        this(states, null, Limits.defaults());
    }

    Served(Path states, String key, Limits limits) {
        Compute.seed(11);
        RunConfig config = Configs.with(
                RunConfig.defaults(),
                "model.vocabulary=256",
                "model.embedding=24",
                "model.layers=2",
                "model.heads=3",
                "model.keyValueHeads=3",
                "model.feedForward=32",
                "model.pattern=16:1,64:4");
        trained = new TrainedModel(config, new LongNetDecoder(config.model()), Tokenizer.of("bytes"), Execution.PLAIN);
        server = new Server(
                trained, new Server.Settings("small", "127.0.0.1", 0, key, states, null, 1 << 20, 1), limits);
    }

    URI address(String path) {
        return URI.create("http://127.0.0.1:" + server.port() + path);
    }

    Answer get(String path) throws Exception {
        return send(HttpRequest.newBuilder(address(path)).build());
    }

    Answer delete(String path) throws Exception {
        return send(HttpRequest.newBuilder(address(path)).DELETE().build());
    }

    Answer post(String path, Map<String, ?> body) throws Exception {
        return post(path, JSON.writeValueAsBytes(body));
    }

    Answer post(String path, byte[] body) throws Exception {
        return send(HttpRequest.newBuilder(address(path))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                .build());
    }

    Answer complete(Map<String, ?> body) throws Exception {
        return post("/v1/completions", body);
    }

    Answer send(HttpRequest request) throws Exception {
        HttpResponse<byte[]> response = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
        String text = new String(response.body(), StandardCharsets.UTF_8);
        JsonNode json = JSON.missingNode();
        try {
            json = JSON.readTree(text);
        } catch (IOException e) {
            // something else
        }
        return new Answer(response.statusCode(), text, json);
    }

    /** Events of a stream, which has to end as such streams do. */
    static List<JsonNode> events(Answer answer) throws Exception {
        List<JsonNode> events = new ArrayList<>();
        boolean done = false;
        for (String line : answer.text().split("\n")) {
            if (line.equals("data: [DONE]")) {
                done = true;
            } else if (line.startsWith("data: ")) {
                if (done) {
                    throw new AssertionError("an event after the end: " + line);
                }
                events.add(JSON.readTree(line.substring(6)));
            }
        }
        if (!done) {
            throw new AssertionError("no end: " + answer.text());
        }
        return events;
    }

    @Override
    public void close() {
        server.close();
        scope.close();
    }
}
