package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.generate.Generator;
import dev.longnet.generate.Sampling;
import dev.longnet.tensor.Scope;
import dev.longnet.train.TrainedModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet generate}: continues a prompt, streaming to the terminal. */
@Command(name = "generate", description = "Continues a prompt with a trained model, token by token.")
final class GenerateCommand implements Callable<Integer> {
    @Option(names = "--model", required = true, paramLabel = "RUN", description = "Run folder, such as runs/x.")
    private Path model;

    @Option(names = "--prompt", paramLabel = "TEXT", description = "Text to continue.")
    private String prompt;

    @Option(names = "--prompt-file", paramLabel = "FILE", description = "File whose text is continued.")
    private Path promptFile;

    @Option(
            names = "--state",
            paramLabel = "FILE",
            description = "What \"longnet read\" has kept; the prompt goes on from there.")
    private Path state;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            defaultValue = "256",
            description = "Most tokens to make (default ${DEFAULT-VALUE}).")
    private int maxTokens;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0.8",
            description = "0 takes the most likely token; higher is freer (default ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "0.95",
            description = "Draws from the most likely tokens that together reach P (default ${DEFAULT-VALUE}).")
    private double topP;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Same seed, same text.")
    private long seed;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() {
        Output output = options.output();
        Sampling sampling = new Sampling(temperature, topP);
        requireArgument(maxTokens >= 0, "--max-tokens must not be negative, got %d", maxTokens);
        byte[] text = prompt();
        try (Scope scope = new Scope()) {
            TrainedModel trained = TrainedModel.load(model, device.name(), device.threads());
            Continuation continuation = Continuation.of(trained, state, text, maxTokens, sampling, seed, output);
            Generator.Summary summary = continuation.summary();
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("prompt", new String(text, StandardCharsets.UTF_8));
            json.put("completion", continuation.text());
            json.put("promptTokens", summary.promptTokens());
            json.put("tokens", summary.tokens());
            json.put("promptSeconds", summary.promptSeconds());
            json.put("seconds", summary.seconds());
            output.json(json);
            output.note(
                    "%d tokens after a prompt of %d, %.1f ms a token",
                    summary.tokens(), summary.promptTokens(), 1e3 * summary.seconds() / Math.max(1, summary.tokens()));
            return 0;
        }
    }

    private byte[] prompt() {
        if ((prompt == null) == (promptFile == null)) {
            throw new InvalidArgumentException("give either --prompt TEXT or --prompt-file FILE");
        }
        if (prompt != null) {
            return prompt.getBytes(StandardCharsets.UTF_8);
        }
        try {
            return Files.readAllBytes(promptFile);
        } catch (IOException e) {
            throw new LongNetException(e, "the prompt file %s cannot be read; check its name and rights", promptFile);
        }
    }
}
