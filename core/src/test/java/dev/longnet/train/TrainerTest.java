package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.LongNetException;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.tensor.TestDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerTest {
    @TempDir
    private Path folder;

    private TinyRun tiny;

    @BeforeEach
    void write() throws IOException {
        tiny = new TinyRun(folder);
    }

    @Test
    void theSameSeedGivesTheSameNumbers() throws IOException {
        tiny.train("a", false);
        tiny.train("b", false);
        assertThat(tiny.timeless("b")).isEqualTo(tiny.timeless("a"));
        assertThat(tiny.checkpointFile("b", "model.safetensors"))
                .isEqualTo(tiny.checkpointFile("a", "model.safetensors"));
        tiny.with("train.seed=2").train("c", false);
        assertThat(tiny.timeless("c")).isNotEqualTo(tiny.timeless("a"));
    }

    @Test
    void aLineOfMetricsHoldsWhatTheStepDid() throws IOException {
        assertThat(tiny.with("train.logEvery=4", "train.batch=3", "train.accumulate=2")
                        .train("a", false))
                .isEqualTo(9);
        List<JsonNode> lines = tiny.metrics("a");
        assertThat(lines.stream()
                        .filter(line -> line.has("loss"))
                        .map(line -> line.get("step").asInt()))
                .containsExactly(1, 4, 8, 9);
        assertThat(lines.stream()
                        .filter(line -> line.has("heldOutLoss"))
                        .map(line -> line.get("step").asInt()))
                .containsExactly(4, 8, 9);
        JsonNode first = lines.get(0);
        assertThat(first.get("tokens").asLong()).isEqualTo(33 * 3 * 2);
        assertThat(first.get("loss").asDouble()).isBetween(Math.log(256) - 1.5, Math.log(256) + 1.5);
        assertThat(first.get("learningRate").asDouble()).isEqualTo(0.005);
        assertThat(first.get("gradientNorm").asDouble()).isPositive();
        assertThat(first.get("tokensPerSecond").asDouble()).isPositive();
        assertThat(lines.get(1).get("seconds").asDouble())
                .isGreaterThan(first.get("seconds").asDouble());
        try (Stream<Path> files = Files.list(tiny.run("a").path())) {
            assertThat(files.filter(f -> f.getFileName().toString().startsWith("events.out.tfevents")))
                    .singleElement()
                    .satisfies(f -> assertThat(Files.size(f)).isGreaterThan(500));
        }
    }

    @Test
    void learnsATextThatRepeatsItself() throws IOException {
        List<Double> losses = new ArrayList<>();
        tiny.with("train.steps=120", "train.evalEvery=0")
                .train("a", false, Integer.MAX_VALUE, report -> losses.add(report.loss()));
        assertThat(losses.get(0)).isGreaterThan(4.5);
        assertThat(losses.get(119)).isLessThan(1.2);
        assertThat(tiny.metrics("a").get(120).get("heldOutLoss").asDouble()).isLessThan(2);
    }

    @Test
    void learnsWithProductsInBfloat16() {
        List<Double> losses = new ArrayList<>();
        tiny.with("train.steps=60", "train.precision=bfloat16", "train.length=34")
                .train("a", false, Integer.MAX_VALUE, report -> losses.add(report.loss()));
        assertThat(losses.get(59)).isLessThan(losses.get(0) - 2);
    }

    @Test
    void twoBatchesOfOneAreOneOfTwo() throws IOException {
        tiny.with("train.batch=2").train("together", false);
        tiny.with("train.accumulate=2").train("apart", false);
        List<JsonNode> together = tiny.metrics("together"), apart = tiny.metrics("apart");
        assertThat(apart).hasSameSizeAs(together);
        for (int i = 0; i < apart.size(); i++) {
            for (String name : List.of("loss", "heldOutLoss", "tokens")) {
                assertThat(apart.get(i).path(name).asDouble())
                        .isCloseTo(together.get(i).path(name).asDouble(), within(1e-4));
            }
        }
        assertThat(apart.get(0).get("loss").asDouble())
                .isCloseTo(together.get(0).get("loss").asDouble(), within(1e-6));
        assertThat(apart.get(0).get("gradientNorm").asDouble())
                .isCloseTo(together.get(0).get("gradientNorm").asDouble(), within(1e-5));
    }

    @Test
    void recomputationAndChunksChangeNothing() throws IOException {
        tiny.with("model.dropout=0.2").train("a", false);
        tiny.with("model.dropout=0.2", "train.recompute=true").train("b", false);
        assertThat(tiny.checkpointFile("b", "model.safetensors"))
                .isEqualTo(tiny.checkpointFile("a", "model.safetensors"));
        tiny.with("model.dropout=0.2", "train.lossChunk=7").train("c", false);
        for (int i = 0; i < 9; i++) {
            assertThat(tiny.metrics("c").get(i).path("loss").asDouble())
                    .isCloseTo(tiny.metrics("a").get(i).path("loss").asDouble(), within(1e-4));
        }
    }

    /** Steps are read one late on a GPU; what a run says of them is the same. */
    @Test
    void aGpuSaysOfEveryStepWhatTheCpuSays() throws IOException {
        TestDevice.of("cuda");
        for (String settings : List.of("train.logEvery=1", "train.logEvery=4", "train.checkpointEvery=3")) {
            TinyRun cpu = tiny.with(settings), gpu = cpu.with("train.device=cuda");
            List<Integer> steps = new ArrayList<>();
            cpu.train("cpu " + settings, false);
            gpu.train("gpu " + settings, false, Integer.MAX_VALUE, report -> steps.add(report.step()));
            assertThat(steps).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9);
            List<JsonNode> expected = cpu.metrics("cpu " + settings), found = gpu.metrics("gpu " + settings);
            assertThat(found).hasSameSizeAs(expected);
            for (int i = 0; i < found.size(); i++) {
                for (String name : List.of("step", "tokens", "learningRate")) {
                    assertThat(found.get(i).path(name))
                            .isEqualTo(expected.get(i).path(name));
                }
                for (String name : List.of("loss", "gradientNorm", "heldOutLoss")) {
                    assertThat(found.get(i).path(name).asDouble())
                            .isCloseTo(expected.get(i).path(name).asDouble(), within(1e-3));
                }
            }
        }
    }

    @Test
    void onAGpuABfloat16RunLearnsAndGoesOn() throws IOException {
        TestDevice.of("cuda");
        TinyRun gpu = tiny.with("train.device=cuda", "train.precision=bfloat16", "train.steps=60", "train.length=34");
        List<Double> losses = new ArrayList<>();
        gpu.train("a", false, Integer.MAX_VALUE, report -> losses.add(report.loss()));
        assertThat(losses.get(59)).isLessThan(losses.get(0) - 2);
        for (String settings : List.of("train.recompute=true", "train.checkpointEvery=7")) {
            gpu.with(settings).train("as " + settings, false);
            assertThat(gpu.checkpointFile("as " + settings, "model.safetensors"))
                    .isEqualTo(gpu.checkpointFile("a", "model.safetensors"));
        }
        gpu.with("train.recompute=true", "train.offload=true").train("offloaded", false);
        assertThat(gpu.checkpointFile("offloaded", "model.safetensors"))
                .isEqualTo(gpu.checkpointFile("a", "model.safetensors"));
        gpu.train("b", false, 20, report -> {});
        gpu.train("b", true);
        assertThat(gpu.checkpointFile("b", "model.safetensors"))
                .isEqualTo(gpu.checkpointFile("a", "model.safetensors"));
    }

    @Test
    void heldOutLossIsOfTheSettingsTokensAtMost() throws IOException {
        tiny.with("train.steps=1", "train.evalTokens=1").train("one", false);
        tiny.with("train.steps=1", "train.evalTokens=70").train("some", false);
        tiny.with("train.steps=1", "train.evalTokens=1g").train("all", false);
        assertThat(tiny.metrics("one").get(1).get("heldOutLoss").asDouble()).isPositive();
        assertThat(tiny.metrics("some").get(1)).isNotEqualTo(tiny.metrics("all").get(1));
    }

    @Test
    void aRunDoesNotGoOnWithAnotherText() throws IOException {
        tiny.train("a", false, 4, report -> {});
        byte[] state = tiny.checkpointFile("a", "state.json");
        replaceInText("song", "poem");
        assertThatThrownBy(() -> tiny.train("a", true))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("as many tokens, but other ones")
                .hasMessageContaining("another --out");
        replaceInText("poem", "long song");
        assertThatThrownBy(() -> tiny.train("a", true))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining(" tokens then, ");
        assertThat(tiny.checkpointFile("a", "state.json")).isEqualTo(state);
        // The same text again, if not at the same time: the way out that the message names.
        replaceInText("long song", "song");
        assertThat(tiny.train("a", true)).isEqualTo(9);
    }

    private void replaceInText(String old, String now) throws IOException {
        for (int i = 0; i < 7; i++) {
            Path file = folder.resolve("text/file" + i + ".txt");
            Files.writeString(file, Files.readString(file).replace(old, now));
        }
    }

    @Test
    void aCheckpointThatDoesNotKnowItsTextGoesOn() throws IOException {
        tiny.train("a", false, 4, report -> {});
        Path state = tiny.run("a").latestCheckpoint().resolve("state.json");
        ObjectNode json = (ObjectNode) new ObjectMapper().readTree(state.toFile());
        assertThat(json.remove("text")).isNotNull();
        Files.writeString(state, json.toString());
        assertThat(tiny.train("a", true)).isEqualTo(9);
    }

    @Test
    void aLossThatIsNotFiniteStopsAndSaysWhatToTry() throws IOException {
        TinyRun wild = tiny.with("train.learningRate=1e30", "train.minLearningRate=0", "train.warmup=0");
        assertThatThrownBy(() -> wild.train("a", false))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("at step 2 the loss is ")
                .hasMessageContaining("train.learningRate")
                .hasMessageContaining("--resume");
        assertThat(wild.run("a").hasCheckpoint()).isFalse();
        assertThat(wild.metrics("a")).hasSize(1);
        // The way out that the message names.
        assertThat(tiny.train("a", true)).isEqualTo(9);

        byte[] weights = tiny.checkpointFile("a", "model.safetensors");
        TinyRun later = wild.with("train.steps=20");
        assertThatThrownBy(() -> later.train("a", true))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("the checkpoint of step 9 is intact");
        assertThat(tiny.checkpointFile("a", "model.safetensors")).isEqualTo(weights);
    }

    @Test
    void tokensOutsideOfTheVocabularyAreRefused() {
        TinyRun small = tiny.with("model.vocabulary=101");
        assertThatThrownBy(() -> small.train("a", false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("model.vocabulary 101 is too small for the data, which has 256 tokens; leave it at 0");
    }

    @Test
    void aFolderWithARunIsNotTrainedOver() throws IOException {
        tiny.train("a", false);
        byte[] weights = tiny.checkpointFile("a", "model.safetensors");
        assertThatThrownBy(() -> tiny.with("train.seed=5").train("a", false))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("already holds a run");
        assertThat(tiny.checkpointFile("a", "model.safetensors")).isEqualTo(weights);
    }

    @Test
    void aTextShorterThanTheLengthIsRefusedBeforeAnythingIsWritten() {
        assertThatThrownBy(() -> tiny.with("train.length=100k").train("a", false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("lower train.length or add data");
        assertThat(tiny.run("a").path()).doesNotExist();
    }

    @Test
    void withoutHeldOutTokensNothingIsMeasured() throws IOException {
        TinyRun alone = tiny.with("data.heldOut=0");
        try (TokenFile empty = alone.tokens(Split.HELD_OUT)) {
            assertThat(empty.tokens()).isZero();
        }
        alone.train("a", false);
        assertThat(alone.metrics("a")).noneMatch(line -> line.has("heldOutLoss"));
    }
}
