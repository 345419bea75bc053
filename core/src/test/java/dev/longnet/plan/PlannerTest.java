package dev.longnet.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.config.Configs;
import dev.longnet.config.Sizes;
import dev.longnet.model.Execution.Activations;
import dev.longnet.pattern.DilationPattern;
import java.util.List;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlannerTest {
    private static final long LENGTH = 1L << 30;

    private static Planner planner(String... settings) {
        return new Planner(Configs.with(PlanConfig.defaults(), settings));
    }

    @Test
    void aBillionTokensFitOnceThereAreRanksEnough() {
        Planner planner = planner();
        assertThat(planner.training(LENGTH, 64, null).fits()).isFalse();
        Prediction step = planner.training(LENGTH, 256, null);
        assertThat(step.fits()).isTrue();
        assertThat(step.activations()).isEqualTo(Activations.OFFLOADED);
        assertThat(planner.training(LENGTH, 1024, null).activations()).isEqualTo(Activations.RECOMPUTED);
        assertThat(planner.training(LENGTH, 4096, null).activations()).isEqualTo(Activations.KEPT);
    }

    /** The exchange is constant in N and P, so twice the ranks take half the time but for averaging. */
    @Test
    void stepsScaleWithRanks() {
        Planner planner = planner();
        Prediction few = planner.training(LENGTH, 128, Activations.OFFLOADED);
        Prediction many = planner.training(LENGTH, 1024, Activations.OFFLOADED);
        assertThat(few.seconds() / many.seconds()).isBetween(7.8, 8.0);
        assertThat(many.waiting()).isGreaterThan(few.waiting()).isLessThan(0.02);
        // Under 2·(w/r)·E values of keys and values a branch whose segments ranks share, of which there are at most
        // four.
        assertThat(many.receivedBytes()).isLessThan(2 * 2 * 4 * 2048.0 * 768).isGreaterThan(few.receivedBytes());
    }

    @ParameterizedTest
    @EnumSource(Activations.class)
    void thePartsAreTheStep(Activations activations) {
        Prediction step =
                planner("machine.networkLink=0.1", "machine.hostLink=1").training(1 << 20, 16, activations);
        StepTime parts = step.parts();
        double sum = parts.products()
                + parts.rows()
                + parts.localAttention()
                + parts.farAttention()
                + parts.exchange()
                + parts.offload()
                + parts.averaging()
                + parts.optimizer();
        assertThat(step.seconds()).isCloseTo(sum, Offset.offset(1e-12));
        assertThat(step.tokensPerSecond()).isCloseTo((1 << 20) / sum, Percentage.withPercentage(1e-6));
        assertThat(parts.exchange()).isPositive();
        assertThat(parts.offload() > 0).isEqualTo(activations == Activations.OFFLOADED);
        assertThat(step.hostBytes() > 0).isEqualTo(activations == Activations.OFFLOADED);
    }

    /** Two machines of one GPU, a segment of all: the later receives the kept half of the earlier, 1024 rows a head. */
    @Test
    void anExchangeThatNothingHidesTakesItsBytes() {
        String[] settings = {
            "model.pattern=8:1,4096:2",
            "model.layers=3",
            "machine.gpus=1",
            "machine.networkLink=1e-6",
            "machine.latency=0"
        };
        Prediction forward = planner(settings).forward(4096, 2);
        assertThat(forward.receivedBytes()).isEqualTo(2 * 2 * 1024 * 768);
        double local = forward.parts().localAttention();
        assertThat(forward.parts().exchange())
                .isCloseTo(3 * forward.receivedBytes() / 1e3 - local, Percentage.withPercentage(1e-6));
        // Backward in bfloat16 again and in float32, three times the forward's bytes.
        Prediction step = planner(settings).training(4096, 2, Activations.KEPT);
        assertThat(step.parts().exchange())
                .isCloseTo(
                        4 * 3 * forward.receivedBytes() / 1e3 - step.parts().localAttention(),
                        Percentage.withPercentage(1e-6));
        Prediction near =
                planner("model.pattern=8:1,4096:2", "machine.networkLink=1e-6").forward(4096, 2);
        assertThat(near.parts().exchange()).isLessThan(0.01);
    }

    @Test
    void gradientsAreAveragedOverTheSlowestLink() {
        Planner planner = planner("machine.latency=0");
        double bytes = 8.0 * PlanConfig.defaults().model().parameterCount();
        assertThat(planner.training(4096, 1, null).parts().averaging()).isZero();
        assertThat(planner.training(4096, 8, null).parts().averaging())
                .isCloseTo(bytes * 7 / 8 / 260e9, Percentage.withPercentage(1e-6));
        assertThat(planner.training(4096, 9, null).parts().averaging())
                .isCloseTo(bytes * 8 / 9 / 40e9, Percentage.withPercentage(1e-6));
    }

    @Test
    void memoryFallsFromKeptToOffloadedAndForwardTakesLeast() {
        Planner planner = planner();
        double kept = planner.training(1 << 20, 8, Activations.KEPT).memoryBytes();
        double recomputed = planner.training(1 << 20, 8, Activations.RECOMPUTED).memoryBytes();
        double offloaded = planner.training(1 << 20, 8, Activations.OFFLOADED).memoryBytes();
        double forward = planner.forward(1 << 20, 8).memoryBytes();
        assertThat(List.of(kept, recomputed, offloaded, forward)).isSortedAccordingTo((a, b) -> Double.compare(b, a));
        assertThat(planner.training(1 << 20, 8, Activations.RECOMPUTED).seconds())
                .isGreaterThan(planner.training(1 << 20, 8, Activations.KEPT).seconds());
    }

    @Test
    void hostMemoryIsSharedByTheGpusOfAMachine() {
        double gib = planner().training(1 << 23, 2, Activations.OFFLOADED).hostBytes() / (1 << 30);
        assertThat(gib).isEqualTo(72);
        assertThat(planner("machine.hostMemory=144")
                        .training(1 << 23, 2, Activations.OFFLOADED)
                        .fits())
                .isTrue();
        assertThat(planner("machine.hostMemory=143")
                        .training(1 << 23, 2, Activations.OFFLOADED)
                        .fits())
                .isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "1          | 2048:1",
                "2048       | 2048:1",
                "2049       | 2048:1,2049:2",
                "32k        | 2048:1,32768:16",
                "100001     | 2048:1,16384:8,100001:49",
                "1g         | 2048:1,16384:8,131072:64,1048576:512,8388608:4096,67108864:32768,1073741824:524288",
            })
    void theSeriesReachesTheLength(String length, String pattern) {
        assertThat(PlanConfig.series(Sizes.parse(length))).isEqualTo(DilationPattern.parse(pattern));
    }

    @Test
    void aPlanIsReadFromYaml() {
        PlanConfig config = Configs.with(
                PlanConfig.defaults(Machine.of("H100"), 5000), "machine.gpus=4", "machine.networkLink=12.5");
        assertThat(config.machine().memory()).isEqualTo(78);
        assertThat(config.machine().bandwidth()).isLessThan(Machine.defaults().bandwidth());
        assertThat(Configs.parse(PlanConfig.class, Configs.toYaml(config), "plan.yaml"))
                .isEqualTo(config);
    }

    @Test
    void assumptionsNameTheValues() {
        PlanConfig config = Configs.with(PlanConfig.defaults(), "machine.networkLink=12.5", "machine.latency=31");
        assertThat(Assumptions.of(config, Assumptions.Direction.TRAIN))
                .anySatisfy(line -> assertThat(line).contains("12.5 GB/s", "31 µs"));
        assertThat(Assumptions.of(config, Assumptions.Direction.FORWARD)).noneMatch(line -> line.contains("ZeRO"));
        assertThat(Assumptions.of(Configs.with(config, "model.positions=xpos"), Assumptions.Direction.READ))
                .anyMatch(line -> line.contains("xpos"))
                .anyMatch(line -> line.contains("28 µs more for a piece"));
        String many = "model.pattern=8:1,9:1,10:1,11:1,12:1,13:1,14:1,15:1,16:1";
        assertThat(Assumptions.of(Configs.with(config, many), Assumptions.Direction.TRAIN))
                .anyMatch(line -> line.contains("this one has 9"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "model.vocabulary=0        | model.vocabulary must be positive to plan",
                "machine.gpus=0            | machine.gpus must be positive, got 0",
                "machine.reserved=139      | machine.reserved must be at least 0 and below memory 139.0",
                "machine.latency=-1        | machine.latency must be a finite number of at least 0",
                "machine.products=0        | machine.products must be a finite number above 0, got 0.0",
            })
    void settingsThatMakeNoSenseAreRefused(String setting, String message) {
        assertThatThrownBy(() -> planner(setting)).hasMessageStartingWith(message);
    }

    @Test
    void headsWithoutAMeasuredRateAreRefused() {
        assertThatThrownBy(() -> Configs.with(PlanConfig.defaults(), "model.heads=4", "model.keyValueHeads=4"))
                .hasMessageContaining("embedding 768 / heads 4 has 192; use more heads");
        assertThatThrownBy(() -> Configs.with(
                        PlanConfig.defaults(), "model.heads=384", "model.keyValueHeads=384", "model.embedding=768"))
                .hasMessageContaining("model.heads must be at most 128");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, (1 << 20) + 1})
    void impossibleRanksAreRefused(int ranks) {
        assertThatThrownBy(() -> planner().training(LENGTH, ranks, null))
                .hasMessage("devices must lie between 1 and 1048576, got " + ranks);
    }

    @Test
    void impossibleLengthsAreRefused() {
        assertThatThrownBy(() -> planner().forward(7, 8)).hasMessageStartingWith("8 devices cannot share 7 tokens");
        assertThatThrownBy(() -> planner().forward(0, 1)).hasMessageContaining("length must lie between 1 and");
        assertThatThrownBy(() -> PlanConfig.series((1L << 40) + 1)).hasMessageContaining("(1024g)");
        assertThatThrownBy(() -> Machine.of("b200")).hasMessageContaining("use h200 or h100 or cpu");
    }

    /** Two sequences take twice the time of one, but for what is done once a step. */
    @Test
    void batchesTakeTheirShare() {
        Planner planner = planner("machine.launching=0");
        Prediction one = planner.training(16_384, 1, Activations.KEPT),
                three = planner.training(16_384, 3, 1, Activations.KEPT);
        double once = one.parts().optimizer();
        assertThat(three.seconds() - once).isCloseTo(3 * (one.seconds() - once), Percentage.withPercentage(1e-6));
        assertThat(three.tokensPerSecond()).isGreaterThan(one.tokensPerSecond());
        Prediction long3 = planner("model.pattern=" + one.pattern()).training(3 * 16_384, 1, Activations.KEPT);
        assertThat(three.memoryBytes()).isCloseTo(long3.memoryBytes(), Percentage.withPercentage(1e-6));
    }

    @ParameterizedTest
    @ValueSource(strings = {"quickstart", "124m", "350m", "760m", "1.3b", "2.7b", "6.7b"})
    void presetsAreAsLargeAsTheirNames(String name) {
        double parameters = Presets.of(name, DilationPattern.PAPER).parameterCount();
        double named = name.equals("quickstart")
                ? 0.83e6
                : Double.parseDouble(name.substring(0, name.length() - 1)) * (name.endsWith("b") ? 1e9 : 1e6);
        assertThat(parameters).isCloseTo(named, Percentage.withPercentage(2.5));
    }

    @Test
    void aCpuIsOneDeviceThatOffloadsNothing() {
        PlanConfig cpu = new PlanConfig(
                Presets.of("124m", DilationPattern.PAPER), Machine.of("cpu").withMemory(64));
        Prediction step = new Planner(cpu).training(1 << 20, 1, null);
        assertThat(step.activations()).isEqualTo(Activations.RECOMPUTED);
        assertThat(step.fits()).isFalse();
        assertThat(new Planner(cpu).leastBytes(step, 1)).isLessThan(step.memoryBytes());
        assertThatThrownBy(() -> new Planner(cpu).training(1 << 20, 2, null)).hasMessageContaining("use --devices 1");
    }

    @Test
    void aPatternThatGrowsIsForReading() {
        Planner planner = planner("model.pattern=2k:1,16k:8...");
        assertThat(planner.training(16_384, 1, null).fits()).isTrue();
        assertThatThrownBy(() -> planner.training(16_385, 1, null))
                .hasMessageContaining("grows from position 16384 on");
        assertThat(planner.reading(1L << 40, null).fits()).isTrue();
    }
}
