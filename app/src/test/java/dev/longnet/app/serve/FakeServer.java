package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Serves the page and answers it as {@code longnet serve} does, without a model: what streams is told by the test, so that
 * it can look between one event and the next.
 */
final class FakeServer implements AutoCloseable {
    static final ObjectMapper JSON = new ObjectMapper();

    /** In place of an event: the connection ends, though nothing said that all is done. */
    static final String BREAK_OFF = "break off";

    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=utf-8", "css", "text/css", "js", "text/javascript", "svg", "image/svg+xml");

    /** A call as it came; the body of an upload is in {@link Upload}. */
    record Call(String method, String path, String key, JsonNode body) {}

    final List<Call> calls = new CopyOnWriteArrayList<>();
    final List<Upload> uploads = new CopyOnWriteArrayList<>();

    /** Events for the answer that streams; without their number it goes on waiting. */
    final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    /** Open once the page has closed a connection whose answer was still streaming. */
    final CountDownLatch left = new CountDownLatch(1);

    private final HttpServer http;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, ObjectNode> states = new LinkedHashMap<>();
    private final FakeModel model;
    private volatile String key;
    private volatile String refusal;

    FakeServer(FakeModel model) throws IOException {
        this.model = model;
        http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        http.setExecutor(threads);
        http.createContext("/", exchange -> {
            try (exchange) {
                answer(exchange);
            }
        });
        http.start();
    }

    String address() {
        return "http://" + http.getAddress().getHostString() + ":"
                + http.getAddress().getPort() + "/";
    }

    void askForKey(String asked) {
        key = asked;
    }

    /** The next uploads, completions and measurements are refused with status 400 and this sentence; null for no longer. */
    void refuse(String message) {
        refusal = message;
    }

    /** Has a state from now on, and returns it as JSON. */
    synchronized String keep(String id, long tokens) {
        ObjectNode state = JSON.createObjectNode();
        state.put("id", id)
                .put("object", "state")
                .put("created", 1_760_000_000L)
                .put("tokens", tokens);
        state.put("bytes", 3 * tokens).put("loss", 1.9312);
        state.set("by_position", model.byPosition(tokens));
        states.put(id, state);
        return state.toString();
    }

    synchronized List<String> states() {
        return List.copyOf(states.keySet());
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String method = exchange.getRequestMethod();
        if (!path.startsWith("/v1/")) {
            page(exchange, path.equals("/") ? "index.html" : path.substring(1));
            return;
        }
        byte[] body = exchange.getRequestBody().readAllBytes();
        String type = String.valueOf(exchange.getRequestHeaders().getFirst("Content-Type"));
        String given = exchange.getRequestHeaders().getFirst("Authorization");
        JsonNode json = type.equals("application/json") ? JSON.readTree(body) : JSON.createObjectNode();
        calls.add(new Call(method, exchange.getRequestURI().toString(), given, json));
        if (key != null && !("Bearer " + key).equals(given)) {
            fail(exchange, 401, "This key is not the server's.");
        } else if (path.equals("/v1/models")) {
            send(exchange, 200, model.models());
        } else if (path.equals("/v1/states") && method.equals("GET")) {
            ObjectNode list = JSON.createObjectNode().put("object", "list");
            synchronized (this) {
                list.set("data", JSON.createArrayNode().addAll(states.values()));
            }
            send(exchange, 200, list);
        } else if (method.equals("DELETE")) {
            delete(exchange, path.substring("/v1/states/".length()));
        } else if (path.equals("/v1/attention")) {
            send(exchange, 200, model.attention(query(exchange)));
        } else if (refusal != null) {
            fail(exchange, 400, refusal);
        } else if (path.equals("/v1/surprise")) {
            send(exchange, 200, model.surprise(json));
        } else if (path.equals("/v1/completions")) {
            stream(exchange);
        } else if (path.equals("/v1/states")) {
            uploads.add(Upload.of(type, body));
            stream(exchange);
        } else {
            fail(exchange, 404, "There is nothing at " + path);
        }
    }

    private void page(HttpExchange exchange, String name) throws IOException {
        try (InputStream file = getClass().getResourceAsStream("page/" + name)) {
            if (file == null) {
                exchange.sendResponseHeaders(404, -1);
                return;
            }
            exchange.getResponseHeaders().set("Content-Type", TYPES.get(name.replaceAll(".*\\.", "")));
            exchange.getResponseHeaders().set("Content-Security-Policy", "default-src 'self'");
            exchange.sendResponseHeaders(200, 0);
            file.transferTo(exchange.getResponseBody());
        }
    }

    private void delete(HttpExchange exchange, String id) throws IOException {
        synchronized (this) {
            states.remove(URLDecoder.decode(id, StandardCharsets.UTF_8));
        }
        send(exchange, 200, JSON.createObjectNode().put("id", id).put("deleted", true));
    }

    /** Sends each event as it is told, and comments while there is none, which find out when nobody reads any more. */
    private void stream(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "text/event-stream");
        exchange.sendResponseHeaders(200, 0);
        OutputStream out = exchange.getResponseBody();
        try {
            for (String event = ""; !event.equals("[DONE]") && !event.equals(BREAK_OFF); ) {
                event = events.poll(20, TimeUnit.MILLISECONDS);
                String line = event == null ? ": waiting" : "event: message\ndata: " + event;
                event = event == null ? "" : event;
                if (!event.equals(BREAK_OFF)) {
                    out.write((line + "\n\n").getBytes(StandardCharsets.UTF_8));
                    out.flush();
                }
            }
        } catch (IOException e) {
            left.countDown();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static Map<String, Long> query(HttpExchange exchange) {
        Map<String, Long> query = new LinkedHashMap<>();
        for (String part : exchange.getRequestURI().getQuery().split("&")) {
            query.put(part.substring(0, part.indexOf('=')), Long.valueOf(part.substring(part.indexOf('=') + 1)));
        }
        return query;
    }

    private static void fail(HttpExchange exchange, int status, String message) throws IOException {
        ObjectNode error = JSON.createObjectNode();
        error.putObject("error").put("message", message).put("type", "invalid_request_error");
        send(exchange, status, error);
    }

    private static void send(HttpExchange exchange, int status, JsonNode json) throws IOException {
        byte[] bytes = json.toString().getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
    }

    /** A piece of a completion. */
    static String piece(String text, String reason) {
        ObjectNode chunk = JSON.createObjectNode().put("object", "text_completion");
        ArrayNode choices = chunk.putArray("choices");
        choices.addObject().put("index", 0).put("text", text).put("finish_reason", reason);
        return chunk.toString();
    }

    @Override
    public void close() {
        http.stop(0);
        threads.shutdownNow();
    }
}
