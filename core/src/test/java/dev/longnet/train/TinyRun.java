package dev.longnet.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.config.Configs;
import dev.longnet.data.Progress;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Runs of a model of two blocks of 16 features on a text of some thousand bytes, in a folder of their own. */
final class TinyRun {
    private final Path folder;
    private final RunConfig config;

    /** @param settings as after --set, on top of the tiny ones */
    TinyRun(Path folder, String... settings) throws IOException {
        this.folder = folder;
        Path text = folder.resolve("text");
        if (!Files.exists(text)) {
            Files.createDirectories(text);
            for (int i = 0; i < 7; i++) {
                Files.writeString(text.resolve("file" + i + ".txt"), ("line " + i + " of a song. ").repeat(7 + i));
            }
        }
        String[] tiny = {
            "model.vocabulary=256",
            "model.embedding=16",
            "model.layers=2",
            "model.heads=2",
            "model.keyValueHeads=2",
            "model.feedForward=24",
            "model.pattern=8:1,24:3",
            "data.sources=[" + text + "]",
            "data.heldOut=0.3",
            "train.length=33",
            "train.steps=9",
            "train.warmup=2",
            "train.learningRate=0.01",
            "train.evalEvery=4",
            "train.evalTokens=100",
            "train.checkpointEvery=0",
            "train.logEvery=1",
            "train.threads=1",
            "train.device=cpu"
        };
        config = Configs.with(
                RunConfig.defaults(),
                Stream.of(tiny, settings).flatMap(Stream::of).toArray(String[]::new));
    }

    /** The same text with other settings. */
    TinyRun with(String... settings) {
        return new TinyRun(folder, Configs.with(config, settings));
    }

    private TinyRun(Path folder, RunConfig config) {
        this.folder = folder;
        this.config = config;
    }

    RunConfig config() {
        return config;
    }

    RunFolder run(String name) {
        return new RunFolder(folder.resolve(name));
    }

    TokenFile tokens(Split split) {
        return TokenFile.open(folder.resolve("cache"), config.data(), split, Progress.NONE);
    }

    /** Trains to the end. */
    int train(String name, boolean resume) {
        return train(name, resume, Integer.MAX_VALUE, report -> {});
    }

    /** Trains until a step is done, or to the end. */
    int train(String name, boolean resume, int stopAt, Consumer<TrainListener.Report> hears) {
        Trainer[] trainer = new Trainer[1];
        TrainListener listener = new TrainListener() {
            @Override
            public void step(Report report) {
                hears.accept(report);
                if (report.step() == stopAt) {
                    trainer[0].stop();
                }
            }
        };
        try (TokenFile train = tokens(Split.TRAIN);
                TokenFile heldOut = tokens(Split.HELD_OUT)) {
            trainer[0] = new Trainer(config, run(name), train, heldOut, listener);
            return trainer[0].run(resume);
        }
    }

    /** The lines of metrics.jsonl. */
    List<JsonNode> metrics(String name) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run(name).metrics())) {
            lines.add(new ObjectMapper().readTree(line));
        }
        return lines;
    }

    /** The lines of metrics.jsonl without what the clock decides. */
    List<JsonNode> timeless(String name) throws IOException {
        List<JsonNode> lines = metrics(name);
        lines.forEach(line -> ((ObjectNode) line).remove(List.of("seconds", "tokensPerSecond")));
        return lines;
    }

    byte[] checkpointFile(String name, String file) throws IOException {
        return Files.readAllBytes(run(name).latestCheckpoint().resolve(file));
    }
}
