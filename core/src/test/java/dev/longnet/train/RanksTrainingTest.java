package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.ranks.Mesh;
import dev.longnet.ranks.RankGroup;
import dev.longnet.ranks.ThreadRanks;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import dev.longnet.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Training over ranks gives what one device gives, and goes on with another number of ranks. */
class RanksTrainingTest {
    @TempDir
    private Path temporary;

    private static void train(TinyRun tiny, String name, int ranks, int sequenceRanks) {
        ThreadRanks.run(ranks, world -> {
            Mesh mesh = mesh(world, sequenceRanks);
            try (TokenFile train = tiny.tokens(Split.TRAIN);
                    TokenFile heldOut = tiny.tokens(Split.HELD_OUT)) {
                new Trainer(tiny.config(), tiny.run(name), train, heldOut, TrainListener.NONE, mesh).run(true);
            }
        });
    }

    private static Mesh mesh(RankGroup world, int sequenceRanks) {
        return new Mesh(world, ThreadRanks.split(world, world.rank() / sequenceRanks), null, 0, 1);
    }

    /** A copy of a run under another name. */
    private static void copy(TinyRun tiny, String from, String to) throws IOException {
        Path source = tiny.run(from).path(), target = tiny.run(to).path();
        try (Stream<Path> files = Files.walk(source)) {
            for (Path file : files.toList()) {
                Path place = target.resolve(source.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(place);
                } else {
                    Files.copy(file, place);
                }
            }
        }
    }

    private static void requireSame(TinyRun tiny, String name, String control) throws IOException {
        List<JsonNode> lines = tiny.timeless(name), expected = tiny.timeless(control);
        assertThat(lines).hasSameSizeAs(expected);
        for (int i = 0; i < lines.size(); i++) {
            for (String key : List.of("loss", "gradientNorm", "heldOutLoss", "tokens", "step")) {
                assertThat(lines.get(i).has(key)).isEqualTo(expected.get(i).has(key));
                double value = expected.get(i).path(key).asDouble();
                assertThat(lines.get(i).path(key).asDouble())
                        .as("%s of line %d", key, i)
                        .isCloseTo(value, within(1e-5 * Math.abs(value)));
            }
        }
        for (String file : List.of("model.safetensors", "optimizer.safetensors")) {
            try (Scope scope = new Scope()) {
                Map<String, Tensor> ours =
                        TensorFile.load(tiny.run(name).latestCheckpoint().resolve(file));
                Map<String, Tensor> theirs =
                        TensorFile.load(tiny.run(control).latestCheckpoint().resolve(file));
                theirs.forEach((key, tensor) -> {
                    // Without positions the bias of keys changes nothing: its gradient is rounding, which AdamW
                    // enlarges.
                    if (!key.startsWith("random") && !key.endsWith("k_proj.bias")) {
                        assertThat(Tensors.relativeError(ours.get(key), tensor))
                                .as(key)
                                .isLessThan(1e-3);
                    }
                });
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "2,1,1,xpos,false",
        "3,1,2,rotary,false",
        "5,1,1,none,true", // batches alone
        "2,2,1,xpos,false",
        "3,3,2,rotary,true",
        "5,5,1,none,false",
        "7,7,1,xpos,true", // one sequence over all
        "4,2,1,xpos,true",
        "6,3,2,xpos,false",
        "6,2,1,rotary,false"
    })
    void givesTheLossCurveOfOneDevice(int ranks, int sequenceRanks, int accumulate, String positions, boolean recompute)
            throws IOException {
        TinyRun tiny = new TinyRun(
                temporary,
                "model.positions=" + positions,
                "train.recompute=" + recompute,
                "train.batch=" + 2 * ranks / sequenceRanks,
                "train.accumulate=" + accumulate,
                "train.clip=0.5",
                "train.steps=9");
        tiny.with("train.steps=1", "train.evalEvery=0").train("one", false);
        copy(tiny, "one", "many");
        tiny.train("one", true);
        train(tiny, "many", ranks, sequenceRanks);
        requireSame(tiny, "many", "one");
    }

    @Test
    void goesOnWithAnotherNumberOfRanks() throws IOException {
        TinyRun tiny = new TinyRun(temporary, "train.batch=6", "train.steps=8", "train.schedule=constant");
        tiny.with("train.steps=1", "train.evalEvery=0").train("one", false);
        copy(tiny, "one", "many");
        tiny.train("one", true);
        train(tiny.with("train.steps=3"), "many", 3, 1);
        train(tiny.with("train.steps=5"), "many", 4, 2);
        tiny.with("train.steps=6").train("many", true);
        train(tiny, "many", 5, 5);
        List<JsonNode> lines = tiny.timeless("many"), expected = tiny.timeless("one");
        for (JsonNode line : expected) {
            if (line.has("loss")) {
                double found = lines.stream()
                        .filter(other -> other.has("loss") && other.get("step").equals(line.get("step")))
                        .findFirst()
                        .orElseThrow()
                        .get("loss")
                        .asDouble();
                assertThat(found).isCloseTo(line.get("loss").asDouble(), within(1e-5 * found));
            }
        }
    }

    @Test
    void goesOnWithAsManyRanksToTheSameNumbers() throws IOException {
        TinyRun tiny = new TinyRun(temporary, "train.batch=3", "train.steps=8", "train.schedule=constant");
        // Begun by one, since ranks that are threads draw their first weights from one source.
        tiny.with("train.steps=1", "train.evalEvery=0").train("whole", false);
        copy(tiny, "whole", "stopped");
        train(tiny, "whole", 3, 1);
        train(tiny.with("train.steps=4"), "stopped", 3, 1);
        train(tiny, "stopped", 3, 1);
        requireSame(tiny, "stopped", "whole");
        assertThat(tiny.checkpointFile("stopped", "model.safetensors"))
                .isEqualTo(tiny.checkpointFile("whole", "model.safetensors"));
    }

    @Test
    void ranksOfDifferentConfigurationsAreRefused() throws IOException {
        TinyRun tiny = new TinyRun(temporary, "train.batch=2");
        assertThatThrownBy(() -> ThreadRanks.run(2, world -> {
                    TinyRun mine = world.rank() == 1 ? tiny.with("train.learningRate=0.02") : tiny;
                    try (TokenFile train = mine.tokens(Split.TRAIN)) {
                        Mesh mesh = new Mesh(world, RankGroup.ALONE, null, 0, 1);
                        new Trainer(mine.config(), mine.run("x"), train, null, TrainListener.NONE, mesh).run(false);
                    }
                }))
                .hasMessageContaining("rank 1 was given another configuration than rank 0");
        assertThat(tiny.run("x").path()).doesNotExist();
    }

    @Test
    void aBatchThatCannotBeSharedIsRefused() throws IOException {
        TinyRun tiny = new TinyRun(temporary, "train.batch=3");
        assertThatThrownBy(() -> train(tiny, "x", 2, 1))
                .hasMessageContaining("train.batch 3 cannot be shared by 2 groups of ranks; use a multiple of 2");
    }
}
