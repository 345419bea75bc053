package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet read}: reads text of any length and keeps what later tokens see of it. */
@Command(
        name = "read",
        description = "Reads any amount of text through a trained model and keeps what it remembers in a file.",
        footer = {
            "",
            "Time a token and memory do not grow with the text. A state that exists is gone on with: where the same text was"
                    + " left, or with another text from its beginning. \"longnet generate --state\" goes on from there.",
        })
final class ReadCommand implements Callable<Integer> {
    @Option(names = "--model", required = true, paramLabel = "RUN", description = "Run folder, such as runs/x.")
    private Path model;

    @Option(
            names = "--data",
            required = true,
            arity = "1..*",
            paramLabel = "SOURCE",
            description = "Text to read: files, folders, archives or globs.")
    private List<String> data;

    @Option(
            names = "--state",
            required = true,
            paramLabel = "FILE",
            description = "Where to keep what was read, such as memory.lns; gone on with if it exists.")
    private Path state;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            description =
                    "Tokens to read in all; more than the text has read it round after round (default: all once).")
    private Long tokens;

    @Option(
            names = "--every",
            paramLabel = "N",
            description = "Tokens between reports, at which the state is saved (default: once a minute).")
    private Long every;

    @Option(
            names = "--piece",
            paramLabel = "N",
            description = "Tokens that go through the model at once (default: 256k on an NVIDIA GPU, else 16k).")
    private Integer piece;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() {
        requireArgument(tokens == null || tokens > 0, "--tokens must be positive, got %s", tokens);
        requireArgument(every == null || every > 0, "--every must be positive, got %s", every);
        requireArgument(piece == null || piece > 0, "--piece must be positive, got %s", piece);
        return new ReadingRun(model, data, state, tokens, every, piece, options.output())
                .run(device.name(), device.threads());
    }
}
