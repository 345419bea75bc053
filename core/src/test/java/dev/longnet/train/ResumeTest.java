package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.LongNetException;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Windows;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A run that was stopped goes on to the numbers that it would have had, whatever stopped it. */
class ResumeTest {
    @TempDir
    private Path folder;

    private TinyRun tiny;

    /** All that draws random numbers or keeps a state, over several epochs of the text. */
    @BeforeEach
    void write() throws IOException {
        tiny = new TinyRun(
                folder,
                "train.steps=13",
                "train.length=67",
                "train.batch=2",
                "train.accumulate=2",
                "train.recompute=true",
                "train.checkpointEvery=4",
                "model.dropout=0.3");
    }

    private void sameAsUninterrupted(String name) throws IOException {
        tiny.train("whole", false);
        assertThat(tiny.timeless(name)).isEqualTo(tiny.timeless("whole"));
        for (String file : List.of("model.safetensors", "optimizer.safetensors")) {
            assertThat(tiny.checkpointFile(name, file)).as(file).isEqualTo(tiny.checkpointFile("whole", file));
        }
        assertThat(state(name)).isEqualTo(state("whole"));
    }

    private JsonNode state(String name) throws IOException {
        ObjectNode state = (ObjectNode) new ObjectMapper().readTree(tiny.checkpointFile(name, "state.json"));
        state.remove("seconds");
        return state;
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 12})
    void afterAStop(int step) throws IOException {
        assertThat(tiny.train("a", false, step, report -> {})).isEqualTo(step);
        assertThat(tiny.run("a").savedSteps()).isEqualTo(step);
        assertThat(tiny.train("a", true)).isEqualTo(13);
        sameAsUninterrupted("a");
        try (TokenFile train = tiny.tokens(Split.TRAIN)) {
            long windows = new Windows(train, 67, 2, 1).windows();
            assertThat(2 * 2 * 13).as("several epochs").isGreaterThan((int) (3 * windows / 2));
        }
    }

    @Test
    void afterManyStops() throws IOException {
        tiny.train("a", false, 2, report -> {});
        for (int step = 3; step < 13; step += 3) {
            tiny.train("a", true, step, report -> {});
        }
        tiny.train("a", true);
        sameAsUninterrupted("a");
        try (Stream<Path> files = Files.list(tiny.run("a").path())) {
            assertThat(files.filter(f -> f.getFileName().toString().contains("tfevents")))
                    .hasSize(6);
        }
    }

    /** Between two checkpoints, in the middle of a line of metrics and of the next checkpoint. */
    @Test
    void afterAKill() throws IOException {
        RuntimeException kill = new RuntimeException("killed");
        assertThatThrownBy(() -> tiny.train("a", false, 99, report -> {
                    if (report.step() == 11) {
                        throw kill;
                    }
                }))
                .isSameAs(kill);
        RunFolder run = tiny.run("a");
        assertThat(run.savedSteps()).isEqualTo(8);
        assertThat(tiny.metrics("a")
                        .get(tiny.metrics("a").size() - 1)
                        .get("step")
                        .asInt())
                .isEqualTo(10);
        Files.writeString(run.metrics(), "{\"step\":11,\"tok", StandardOpenOption.APPEND);
        Path partial = run.checkpoints().resolve("step-00000012.partial");
        copy(run.latestCheckpoint(), partial);
        Files.write(partial.resolve("model.safetensors"), new byte[] {1, 2, 3});

        assertThat(tiny.train("a", true)).isEqualTo(13);
        assertThat(partial).doesNotExist();
        sameAsUninterrupted("a");
    }

    @Test
    void beforeTheFirstCheckpointItBeginsAnew() throws IOException {
        assertThatThrownBy(() -> tiny.train("a", false, 99, report -> {
            if (report.step() == 3) {
                throw new IllegalStateException();
            }
        }));
        assertThat(tiny.metrics("a")).hasSize(2);
        assertThat(tiny.train("a", true)).isEqualTo(13);
        sameAsUninterrupted("a");
    }

    @Test
    void theLastStepHasNothingToGoOnFrom() throws IOException {
        tiny.train("a", false);
        byte[] weights = tiny.checkpointFile("a", "model.safetensors");
        assertThat(tiny.train("a", true)).isEqualTo(13);
        assertThat(tiny.checkpointFile("a", "model.safetensors")).isEqualTo(weights);
        assertThat(tiny.with("train.steps=15").train("a", true)).isEqualTo(15);
    }

    @Test
    void theNewestCheckpointsAreKept() throws IOException {
        tiny.with("train.checkpointEvery=2", "train.keepCheckpoints=3").train("a", false);
        try (Stream<Path> folders = Files.list(tiny.run("a").checkpoints())) {
            assertThat(folders.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder("step-00000010", "step-00000012", "step-00000013");
        }
        try (Stream<Path> files = Files.list(tiny.run("a").latestCheckpoint())) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder("model.safetensors", "optimizer.safetensors", "state.json");
        }
        tiny.with("train.keepCheckpoints=1").train("b", false);
        assertThat(tiny.run("b").completeCheckpoints()).hasSize(1);
    }

    @Test
    void checkpointsAreInTheOrderOfTheirSteps() throws IOException {
        for (String name : List.of("step-00000007", "step-99999999", "step-100000000", "step-00000009.partial", "x")) {
            Files.createDirectories(tiny.run("a").checkpoints().resolve(name));
        }
        assertThat(tiny.run("a").completeCheckpoints().stream()
                        .map(f -> f.getFileName().toString()))
                .containsExactly("step-00000007", "step-99999999", "step-100000000");
        assertThat(tiny.run("a").savedSteps()).isEqualTo(100_000_000);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "state.json            |                          | damaged",
                "state.json            | null                     | damaged",
                "state.json            | {}                       | damaged",
                "state.json            | {\"step\":4              | damaged",
                "state.json            | {\"step\":-1,\"tokens\":1,\"seconds\":1,\"data\":{\"epoch\":0,\"position\":0}} | damaged",
                "state.json            | {\"step\":4,\"tokens\":1,\"seconds\":1,\"data\":{\"epoch\":0,\"position\":-3}} | damaged",
                "model.safetensors     | short                    | model.safetensors",
                "optimizer.safetensors | short                    | optimizer.safetensors",
                "model.safetensors     | `{\"a\":1}          `    | model.safetensors",
            })
    void aDamagedCheckpointIsNamedAndLeftAsItIs(String file, String text, String message) throws IOException {
        tiny.train("a", false, 4, report -> {});
        Path damaged = tiny.run("a").latestCheckpoint().resolve(file);
        Files.writeString(damaged, text == null ? "" : text);
        List<String> metrics = Files.readAllLines(tiny.run("a").metrics());
        assertThatThrownBy(() -> tiny.train("a", true))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining(message)
                .hasMessageContaining("step-00000004");
        assertThat(Files.readString(damaged)).isEqualTo(text == null ? "" : text);
        assertThat(Files.readAllLines(tiny.run("a").metrics())).isEqualTo(metrics);
    }

    @ParameterizedTest
    @ValueSource(strings = {"state.json", "model.safetensors", "optimizer.safetensors"})
    void aMissingFileIsNamed(String file) throws IOException {
        tiny.train("a", false, 4, report -> {});
        Files.delete(tiny.run("a").latestCheckpoint().resolve(file));
        assertThatThrownBy(() -> tiny.train("a", true))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("step-00000004");
    }

    private void change(String file, Consumer<Map<String, Tensor>> change) {
        try (Scope scope = new Scope()) {
            Path path = tiny.run("a").latestCheckpoint().resolve(file);
            Map<String, Tensor> tensors = new LinkedHashMap<>(TensorFile.load(path));
            change.accept(tensors);
            TensorFile.save(path, Map.of(), tensors);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "mean.embed_tokens.weight, holds the optimizer state of another model",
        "steps.layer_norm.bias, holds the optimizer state of another model",
        "random_state, is damaged: it has no random_state"
    })
    void anOptimizerStateWithAHoleIsRefused(String tensor, String message) {
        tiny.train("a", false, 4, report -> {});
        change("optimizer.safetensors", tensors -> tensors.remove(tensor));
        assertThatThrownBy(() -> tiny.train("a", true))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining(tensor)
                .hasMessageContaining(message)
                .hasMessageContaining("to go on from before it, delete ");
    }

    @Test
    void weightsThatAreNotFiniteAreFoundInTheCheckpoint() throws IOException {
        tiny.train("a", false, 5, report -> {});
        change(
                "model.safetensors",
                tensors -> tensors.get("embed_tokens.weight").fill_(new Scalar(Double.NaN)));
        assertThatThrownBy(() -> tiny.train("a", true))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("at step 6 the loss is NaN")
                .hasMessageContaining("step-00000005 give that by themselves: delete it");
        // As the message says.
        Path damaged = tiny.run("a").latestCheckpoint();
        try (Stream<Path> files = Files.list(damaged)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(damaged);
        assertThat(tiny.train("a", true)).isEqualTo(13);
        sameAsUninterrupted("a");
    }

    @Test
    void anotherModelIsRefused() {
        tiny.train("a", false, 4, report -> {});
        for (String change : List.of("model.layers=3", "model.feedForward=25", "model.tiedEmbeddings=false")) {
            assertThatThrownBy(() -> tiny.with(change).train("a", true))
                    .as(change)
                    .isInstanceOf(LongNetException.class)
                    .hasMessageContaining("another model");
        }
    }
}
