package dev.longnet.recall;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.InvalidArgumentException;
import dev.longnet.config.Configs;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A tiny model remembers what lies beyond its short segments, and with a sliding window of that cost does not. */
class RecallRunTest {
    private static final RecallConfig TINY = Configs.with(
            RecallConfig.defaults(),
            "task.keys=3",
            "task.values=4",
            "task.fillers=4",
            "task.room=32",
            "task.fact=4",
            "task.question=4",
            "model.embedding=32",
            "model.feedForward=64",
            "model.pattern=32:1,1k:4",
            "train.stages=[128:400, 256:30]",
            "train.tokens=1024",
            "train.questions=32",
            "train.learningRate=5e-3",
            "train.warmup=50",
            "train.enough=0.97");

    private static final RecallTrainer.Listener UNHEARD = new RecallTrainer.Listener() {
        @Override
        public void step(RecallTrainer.Report report) {}

        @Override
        public void stageDone(int stages) {}
    };

    private static int threads;

    @TempDir
    private Path folder;

    /** Products this small wait longer for each other's threads than they compute. */
    @BeforeAll
    static void oneThread() {
        threads = Compute.threads();
        Compute.threads(1);
    }

    @AfterAll
    static void threadsAsBefore() {
        Compute.threads(threads);
    }

    @Test
    void farFactsAreRememberedThroughThePatternAndNotThroughAWindow() {
        int window = TINY.windowOfSameCost(400);
        RecallRun run = new RecallRun(folder, TINY, "cpu", "auto", window);
        assertThat(2 * (window - 1)).as("what two layers reach").isLessThan(190);

        assertThat(run.train(false, Double.MAX_VALUE, UNHEARD)).isTrue();
        assertThat(run.evaluate(false, new int[] {60, 190, 400}, 60, (texts, tokens) -> {}))
                .allSatisfy(result -> {
                    assertThat(result.covered()).isEqualTo(1);
                    assertThat(result.right()).isGreaterThan(0.85);
                });

        RecallConfig few = Configs.with(TINY, "train.stages=[128:150]");
        RecallRun windowed = new RecallRun(folder.resolve("window"), few, "cpu", "auto", window);
        assertThat(windowed.train(true, Double.MAX_VALUE, UNHEARD)).isTrue();
        List<RecallResult> results = windowed.evaluate(true, new int[] {24, 190, 400}, 60, (texts, tokens) -> {});
        assertThat(results).extracting(RecallResult::covered).containsExactly(1.0, 0.0, 0.0);
        assertThat(results.get(0).right()).isGreaterThan(0.8);
        assertThat(results.get(1).right()).isLessThan(0.5);
        assertThat(results.get(2).right()).isLessThan(0.5);
    }

    @Test
    void aSecondRunGoesOnAfterTheLastStage() {
        RecallConfig config = Configs.with(TINY, "train.stages=[32:3, 64:2]");
        AtomicInteger steps = new AtomicInteger();
        RecallTrainer.Listener counting = new RecallTrainer.Listener() {
            @Override
            public void step(RecallTrainer.Report report) {
                steps.incrementAndGet();
                assertThat(report.attention()).isEqualTo("dilated");
            }

            @Override
            public void stageDone(int stages) {}
        };
        assertThat(new RecallRun(folder, config, "cpu", "auto", 9).train(false, 0, counting))
                .as("no time to train")
                .isFalse();
        assertThat(steps).hasValue(0);
        RecallRun run = new RecallRun(folder, config, "cpu", "auto", 9);
        assertThat(run.stagesDone(false)).isZero();
        assertThat(run.train(false, Double.MAX_VALUE, counting)).isTrue();
        assertThat(steps).hasValue(5);
        assertThat(run.stagesDone(false)).isEqualTo(2);
        assertThat(run.stagesDone(true)).isZero();
        assertThat(run.train(false, Double.MAX_VALUE, counting)).isTrue();
        assertThat(steps).hasValue(5);
        assertThatThrownBy(() -> new RecallRun(folder, TINY, "cpu", "auto", 9))
                .isInstanceOf(InvalidArgumentException.class)
                .hasMessageContaining("another configuration");
    }

    /** Counted pair by pair. */
    @Test
    void theWindowSeesAsManyPairsAsThePattern() {
        DilationPattern pattern = DilationPattern.parse("6:1,24:3");
        RecallConfig config = Configs.with(TINY, "model.pattern=" + pattern);
        int length = 71, heads = config.model().heads(), pairs = 0;
        for (int head = 0; head < heads; head++) {
            for (int query = 0; query < length; query++) {
                for (int key = 0; key <= query; key++) {
                    boolean near = query / 6 == key / 6;
                    boolean far = query / 24 == key / 24 && query % 24 % 3 == head && key % 24 % 3 == head;
                    pairs += (near ? 1 : 0) + (far ? 1 : 0);
                }
            }
        }
        int window = config.windowOfSameCost(length);
        assertThat(heads * pairs(window, length)).isLessThanOrEqualTo(pairs);
        assertThat(heads * pairs(window + 1, length)).isGreaterThan(pairs);
    }

    private static int pairs(int window, int length) {
        return IntStream.range(0, length)
                .map(query -> Math.min(window, query + 1))
                .sum();
    }
}
