package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.app.serve.Limits;
import dev.longnet.app.serve.Server;
import dev.longnet.ranks.Interruption;
import dev.longnet.read.StateFile;
import dev.longnet.tensor.Scope;
import dev.longnet.train.TrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet serve}: a model behind an OpenAI-compatible API, and a page. */
@Command(
        name = "serve",
        description = "Serves a trained model: an OpenAI-compatible API and a page in the browser.",
        footer = {
            "",
            "POST /v1/completions, GET /v1/models as OpenAI's; POST, GET, DELETE /v1/states for what the model has read;"
                    + " /v1/surprise, /v1/attention for the page; /health, /metrics for machines.",
        })
final class ServeCommand implements Callable<Integer> {
    private static final Limits LIMITS = Limits.defaults();
    private static final String KEY = "LONGNET_API_KEY";

    @Option(names = "--model", required = true, paramLabel = "RUN", description = "Run folder, such as runs/x.")
    private Path model;

    @Option(
            names = "--host",
            paramLabel = "NAME",
            defaultValue = "127.0.0.1",
            description = "Address to listen on (default ${DEFAULT-VALUE}, this machine alone); others need --api-key.")
    private String host;

    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "8080",
            description = "Port to listen on, 0 for any that is free (default ${DEFAULT-VALUE}).")
    private int port;

    @Option(
            names = "--api-key",
            paramLabel = "KEY",
            description = "Key that clients must give; better in the variable " + KEY
                    + ", which nobody sees in a list of processes.")
    private String key;

    @Option(
            names = "--state",
            paramLabel = "FILE",
            description =
                    "What \"longnet read\" has kept; completions go on from there unless they name another state.")
    private Path state;

    @Option(names = "--states", paramLabel = "FOLDER", description = "Where states are kept (default: RUN/states).")
    private Path states;

    @Option(
            names = "--state-memory",
            paramLabel = "BYTES",
            defaultValue = "2g",
            description = "States that stay in memory though nobody uses them (default ${DEFAULT-VALUE}).")
    private long stateMemory;

    @Option(names = "--at-once", paramLabel = "N", description = "Requests worked on at the same time (default 64).")
    private int atOnce = LIMITS.atOnce();

    @Option(names = "--queue", paramLabel = "N", description = "Requests that may wait; more get a 429 (default 256).")
    private int queue = LIMITS.waiting();

    @Option(names = "--max-prompt", paramLabel = "N", description = "Most tokens of a prompt (default 1m).")
    private int maxPrompt = LIMITS.promptTokens();

    @Option(names = "--max-tokens", paramLabel = "N", description = "Most tokens of an answer (default 64k).")
    private int maxTokens = LIMITS.newTokens();

    @Option(names = "--max-body", paramLabel = "BYTES", description = "Longest JSON of a request (default 16m).")
    private int maxBody = LIMITS.bodyBytes();

    @Option(
            names = "--max-upload",
            paramLabel = "BYTES",
            description = "Most bytes of files of a request (default 4g).")
    private long maxUpload = LIMITS.uploadBytes();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "Longest that a completion may take (default 600).")
    private long timeout = LIMITS.time().toSeconds();

    @Mixin
    private DeviceOptions device;

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() throws InterruptedException {
        Output output = options.output();
        String secret = key == null ? System.getenv(KEY) : key;
        Path folder = states == null ? model.resolve("states") : states;
        requireArgument(timeout > 0, "--timeout must be a positive number of seconds, got %d", timeout);
        Limits limits =
                new Limits(atOnce, queue, maxPrompt, maxTokens, maxBody, maxUpload, Duration.ofSeconds(timeout));
        Server.Settings settings = new Server.Settings(
                name(model),
                host,
                port,
                secret,
                folder,
                state == null ? null : take(folder),
                stateMemory,
                device.threads());
        CountDownLatch stop = new CountDownLatch(1);
        try (Scope scope = new Scope()) {
            TrainedModel trained = TrainedModel.load(model, device.name(), device.threads());
            // The process goes down once the interruption is closed, so that the server is closed before.
            try (Interruption interruption = new Interruption(stop::countDown);
                    Server server = new Server(trained, settings, limits)) {
                String url = "http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + server.port();
                output.json(Map.of("url", url, "model", settings.name()));
                output.say("%s is served at %s  (the page; the API is %s/v1); Ctrl-C ends", settings.name(), url, url);
                stop.await();
                output.note("stopping ...");
            }
        }
        return 0;
    }

    private static String name(Path model) {
        Path name = model.toAbsolutePath().normalize().getFileName();
        return name == null ? "model" : name.toString();
    }

    /** Names the state; one from elsewhere is linked or copied into the folder, and nothing there is replaced. */
    private String take(Path folder) {
        String file = state.getFileName().toString();
        String name = file.endsWith(".lns") ? file.substring(0, file.length() - 4) : file;
        Path there = folder.resolve(name + ".lns");
        try {
            Files.createDirectories(folder);
            if (!Files.exists(state)) {
                throw new LongNetException("the state %s does not exist; \"longnet read\" makes one", state);
            }
            StateFile.notes(state);
            if (!Files.exists(there)) {
                Files.createSymbolicLink(there, state.toAbsolutePath());
            } else {
                requireArgument(
                        Files.isSameFile(there, state),
                        "%s has another state of the name %s; rename one of them, or give another --states",
                        folder,
                        name);
            }
            return name;
        } catch (IOException e) {
            throw new LongNetException(e, "the state %s cannot be taken into %s: %s", state, folder, e.getMessage());
        }
    }
}
