package dev.longnet.app.serve;

import dev.longnet.app.bench.PeakMemory;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Unit;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What the server has done, for Prometheus. */
final class Meters {
    static final String CONTENT_TYPE = PrometheusTextFormatWriter.CONTENT_TYPE;

    private final PrometheusRegistry registry = new PrometheusRegistry();
    private final Counter requests = Counter.builder()
            .name("longnet_requests")
            .help("Requests by route and status.")
            .labelNames("route", "status")
            .register(registry);
    private final Counter tokens = Counter.builder()
            .name("longnet_tokens")
            .help("Tokens of prompts, of completions and of texts read into states.")
            .labelNames("kind")
            .register(registry);
    private final Histogram first = Histogram.builder()
            .name("longnet_time_to_first_text_seconds")
            .help("Time from a completion's request to its first text.")
            .unit(Unit.SECONDS)
            .register(registry);
    private final Histogram whole = Histogram.builder()
            .name("longnet_completion_seconds")
            .help("Time of a whole completion.")
            .unit(Unit.SECONDS)
            .register(registry);
    private final ThreadLocal<Long> begun = new ThreadLocal<>();

    /** @param engine whose work is shown as it is now */
    Meters(Engine engine) {
        GaugeWithCallback.builder()
                .name("longnet_active")
                .help("Requests and texts that are being worked on.")
                .callback(gauge -> gauge.call(engine.active()))
                .register(registry);
        GaugeWithCallback.builder()
                .name("longnet_waiting")
                .help("Requests that wait for their turn.")
                .callback(gauge -> gauge.call(engine.waiting()))
                .register(registry);
        GaugeWithCallback.builder()
                .name("process_resident_memory_bytes")
                .help("Resident memory of the process.")
                .callback(gauge -> PeakMemory.resident().ifPresent(gauge::call))
                .register(registry);
        GaugeWithCallback.builder()
                .name("longnet_steps")
                .help("How often all texts have been continued by a token each.")
                .callback(gauge -> gauge.call(engine.steps()))
                .register(registry);
    }

    void request(String route, int status) {
        requests.labelValues(route, String.valueOf(status)).inc();
    }

    /** Some text of a completion that began then has come; only its first counts. */
    void firstToken(long begin) {
        if (!Long.valueOf(begin).equals(begun.get())) {
            begun.set(begin);
            first.observe((System.nanoTime() - begin) / 1e9);
        }
    }

    void completed(int promptTokens, int newTokens, long begin) {
        tokens.labelValues("prompt").inc(promptTokens);
        tokens.labelValues("completion").inc(newTokens);
        whole.observe((System.nanoTime() - begin) / 1e9);
    }

    void read(long count) {
        tokens.labelValues("read").inc(count);
    }

    byte[] text() {
        try {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            PrometheusTextFormatWriter.create().write(out, registry.scrape());
            return out.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
