package dev.longnet.app.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/** Clients that stream completions from a server, each one after the other, all at the same time. */
public final class ServeLoad {
    private static final String WORDS = "public final class Map returns the first of all values in this list if any ";

    private final URI address;
    private final String key;
    private final int clients;
    private final int tokens;
    private final int promptBytes;
    private final HttpClient http = HttpClient.newHttpClient();
    private final ObjectMapper json = new ObjectMapper();
    private final List<Double> firsts = Collections.synchronizedList(new ArrayList<>());
    private final List<Double> gaps = Collections.synchronizedList(new ArrayList<>());
    private final List<String> failures = Collections.synchronizedList(new ArrayList<>());
    private final AtomicLong requests = new AtomicLong(), made = new AtomicLong();

    /**
     * What the clients saw.
     *
     * @param firstMillis median time from a request to its first text
     * @param firstMillis99 the same of the slowest in a hundred
     * @param tokenMillis median time between two pieces of a text
     * @param firstFailure what the first request that failed was told, or null
     */
    public record Result(
            int clients,
            double seconds,
            long requests,
            long failed,
            long tokens,
            double tokensPerSecond,
            double firstMillis,
            double firstMillis99,
            double tokenMillis,
            String firstFailure) {}

    /** @param key or null */
    public ServeLoad(URI server, String key, int clients, int tokens, int promptBytes) {
        address = server.resolve("/v1/completions");
        this.key = key;
        this.clients = clients;
        this.tokens = tokens;
        this.promptBytes = promptBytes;
    }

    /** Asks for that long, and waits for the requests under way. */
    public Result run(Duration duration) throws InterruptedException {
        long begin = System.nanoTime(), until = begin + duration.toNanos();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
            SplittableRandom random = new SplittableRandom(i);
            Thread thread = new Thread(() -> client(random, until), "client-" + i);
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        return new Result(
                clients,
                seconds,
                requests.get(),
                failures.size(),
                made.get(),
                made.get() / seconds,
                quantile(firsts, 0.5),
                quantile(firsts, 0.99),
                quantile(gaps, 0.5),
                failures.isEmpty() ? null : failures.get(0));
    }

    private void client(SplittableRandom random, long until) {
        while (System.nanoTime() < until) {
            requests.incrementAndGet();
            try {
                ask(random);
            } catch (IOException | RuntimeException e) {
                failures.add(e.toString());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private void ask(SplittableRandom random) throws IOException, InterruptedException {
        Map<String, Object> body = new LinkedHashMap<>();
        StringBuilder prompt = new StringBuilder();
        while (prompt.length() < promptBytes) {
            String[] words = WORDS.split(" ");
            prompt.append(words[random.nextInt(words.length)]).append(' ');
        }
        body.put("prompt", prompt.substring(0, promptBytes));
        body.put("max_tokens", tokens);
        body.put("seed", random.nextInt());
        body.put("stream", true);
        body.put("stream_options", Map.of("include_usage", true));
        HttpRequest.Builder request = HttpRequest.newBuilder(address)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json.writeValueAsString(body)));
        if (key != null) {
            request.header("Authorization", "Bearer " + key);
        }
        long begin = System.nanoTime();
        HttpResponse<Stream<String>> response = http.send(request.build(), HttpResponse.BodyHandlers.ofLines());
        try (Stream<String> lines = response.body()) {
            if (response.statusCode() != 200) {
                throw new IOException(response.statusCode() + " " + String.join("", lines.toList()));
            }
            follow(lines.iterator(), begin);
        }
    }

    private void follow(Iterator<String> lines, long begin) throws IOException {
        long last = 0;
        boolean done = false;
        while (lines.hasNext()) {
            String line = lines.next();
            if (!line.startsWith("data: ")) {
                continue;
            }
            String data = line.substring("data: ".length());
            if (data.equals("[DONE]")) {
                done = true;
                break;
            }
            long now = System.nanoTime();
            (last == 0 ? firsts : gaps).add((now - (last == 0 ? begin : last)) / 1e6);
            last = now;
            made.addAndGet(newTokens(data));
        }
        if (!done) {
            throw new IOException("a stream broke off");
        }
    }

    private long newTokens(String data) throws IOException {
        try {
            var event = json.readTree(data);
            if (event.has("error")) {
                throw new IOException(event.get("error").path("message").asText());
            }
            return event.path("usage").path("completion_tokens").asLong();
        } catch (JsonProcessingException e) {
            throw new IOException("not JSON: " + data, e);
        }
    }

    private static double quantile(List<Double> values, double share) {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        return sorted.length == 0 ? Double.NaN : sorted[(int) Math.min(sorted.length - 1, share * sorted.length)];
    }
}
