package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.app.bench.ServeLoad;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet bench serve}: many clients at once ask a server for text. */
@Command(
        name = "serve",
        description = "Lets many clients at once stream completions from a server that runs.",
        footer = {"", "Exit code 1 if any request failed."})
final class BenchServe implements Callable<Integer> {
    @Option(
            names = "--url",
            paramLabel = "URL",
            defaultValue = "http://127.0.0.1:8080",
            description = "Where \"longnet serve\" listens (default ${DEFAULT-VALUE}).")
    private String url;

    @Option(names = "--api-key", paramLabel = "KEY", description = "The server's key, if it has one.")
    private String key;

    @Option(
            names = "--clients",
            paramLabel = "N",
            defaultValue = "64",
            description = "Requests under way at any time (default ${DEFAULT-VALUE}).")
    private int clients;

    @Option(
            names = "--seconds",
            paramLabel = "S",
            defaultValue = "60",
            description = "How long (default ${DEFAULT-VALUE}).")
    private int seconds;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "64",
            description = "New tokens of each request (default ${DEFAULT-VALUE}).")
    private int tokens;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "256",
            description = "Bytes of prompt of each request, each another text (default ${DEFAULT-VALUE}).")
    private int promptTokens;

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() throws InterruptedException {
        Output output = options.output();
        requireArgument(
                clients > 0 && seconds > 0 && tokens > 0 && promptTokens > 0,
                "--clients, --seconds, --tokens and --prompt-tokens must be positive");
        ServeLoad load = new ServeLoad(URI.create(url), key, clients, tokens, promptTokens);
        ServeLoad.Result result = load.run(Duration.ofSeconds(seconds));
        output.json(result);
        if (!output.json()) {
            output.say(
                    "%d clients for %d s: %d requests, %d failed, %s tokens/s",
                    clients, seconds, result.requests(), result.failed(), Human.count(result.tokensPerSecond()));
            output.say(String.format(
                    Locale.ROOT,
                    "first text after %.0f ms (median), %.0f ms (99 of 100); a token every %.1f ms (median)",
                    result.firstMillis(),
                    result.firstMillis99(),
                    result.tokenMillis()));
        }
        if (result.failed() > 0) {
            throw new LongNetException(
                    "%d of %d requests failed, the first with: %s",
                    result.failed(), result.requests(), result.firstFailure());
        }
        return 0;
    }
}
