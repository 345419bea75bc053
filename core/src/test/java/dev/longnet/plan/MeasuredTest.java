package dev.longnet.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.config.Configs;
import dev.longnet.config.Sizes;
import dev.longnet.model.Execution.Activations;
import dev.longnet.pattern.DilationPattern;
import java.util.Locale;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Predictions against what docs/benchmarks.md, docs/performance.md and docs/plan.md say was measured. */
class MeasuredTest {
    private static final Percentage NEAR = Percentage.withPercentage(8);

    private static PlanConfig paper(String... settings) {
        PlanConfig paper =
                Configs.with(PlanConfig.defaults(), "model.pattern=" + DilationPattern.PAPER, "model.positions=none");
        return Configs.with(paper, settings);
    }

    /** {@code bench train --paper}: "Training: the paper's smallest model" in docs/benchmarks.md. */
    @ParameterizedTest
    @CsvSource({
        "32768,   KEPT,       438000,  13.0",
        "524288,  RECOMPUTED, 386000,  22.8",
        "1048576, RECOMPUTED, 383000,  43.9",
        "1048576, OFFLOADED,  379000,  29.2",
        "2097152, OFFLOADED,  379000,  56.4",
        "4000000, OFFLOADED,  379000, 105.8",
    })
    void trainingSteps(long length, Activations activations, double tokensPerSecond, double gib) {
        Prediction step = new Planner(paper()).training(length, 1, activations);
        assertThat(step.tokensPerSecond()).isCloseTo(tokensPerSecond, NEAR);
        assertThat(step.memoryBytes() / (1 << 30)).isCloseTo(gib, NEAR);
        assertThat(step.waiting()).isZero();
        assertThat(step.fits()).isTrue();
    }

    /** Other widths, positions and few tokens: the table in docs/plan.md. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "24 | 1024 | 16 | NONE   | 32768  | KEPT       | 166058 | 32.10",
                "24 | 1024 | 16 | NONE   | 262144 | RECOMPUTED | 138358 | 24.73",
                "24 | 2048 | 16 | NONE   | 32768  | KEPT       | 58165  | 70.48",
                "24 | 2048 | 16 | NONE   | 65536  | RECOMPUTED | 48323  | 28.02",
                "12 | 768  | 12 | ROTARY | 32768  | KEPT       | 441469 | 13.08",
                "12 | 768  | 12 | NONE   | 4096   | KEPT       | 101972 | 3.40",
                "12 | 768  | 12 | NONE   | 1024   | KEPT       | 19453  | 2.27",
            })
    void otherSteps(
            int layers,
            int width,
            int heads,
            String positions,
            long length,
            Activations activations,
            double tokensPerSecond,
            double gib) {
        PlanConfig config = paper(
                "model.layers=" + layers,
                "model.embedding=" + width,
                "model.heads=" + heads,
                "model.keyValueHeads=" + heads,
                "model.feedForward=" + 4 * width,
                "model.positions=" + positions.trim().toLowerCase(Locale.ROOT));
        Prediction step = new Planner(config).training(length, 1, activations);
        assertThat(step.tokensPerSecond()).isCloseTo(tokensPerSecond, Percentage.withPercentage(18));
        assertThat(step.memoryBytes() / (1 << 30)).isCloseTo(gib, Percentage.withPercentage(10));
    }

    /** {@code bench attention}, in milliseconds: "Attention, bfloat16, causal" in docs/benchmarks.md. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "12 | 768  | 2048:1,4096:2,8192:4,16384:6,32768:12            | 7.63 | 27.15",
                "16 | 2048 | 2048:1,8192:4,32768:16,131072:16,524288:16       | 18.05 | 76.6",
            })
    void attention(int heads, int embedding, String pattern, double forward, double both) {
        PlanConfig config = paper(
                "model.layers=1",
                "model.embedding=" + embedding,
                "model.heads=" + heads,
                "model.keyValueHeads=" + heads,
                "model.pattern=" + pattern);
        Planner planner = new Planner(config);
        assertThat(1e3 * planner.forward(524_288, 1).parts().localAttention()).isCloseTo(forward, NEAR);
        Prediction step = planner.training(524_288, 1, Activations.KEPT);
        assertThat(1e3 * step.parts().localAttention()).isCloseTo(both, NEAR);
    }

    /** 14.9 to 15.6 ns a token forward: "Time a token, forward" in docs/benchmarks.md. */
    @ParameterizedTest
    @ValueSource(longs = {1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24})
    void attentionATokenIsFlat(long length) {
        Prediction forward = new Planner(paper("model.layers=1")).forward(length, 1);
        assertThat(1e9 * forward.parts().localAttention() / length).isCloseTo(15.2, NEAR);
    }

    /** All-gathers between two H200 in milliseconds; the bytes are what a rank receives. */
    @ParameterizedTest
    @CsvSource({"2.1e6, 0.039", "8.4e6, 0.059", "134e6, 0.545", "537e6, 2.0"})
    void exchangesByNvlink(double bytes, double milliseconds) {
        Machine machine = Machine.defaults();
        double predicted = 1e-3 * machine.latency() + bytes / machine.nodeLink() / 1e6;
        assertThat(predicted).isCloseTo(milliseconds, Percentage.withPercentage(15));
    }

    /**
     * {@code read} of the 124 M model: "A billion tokens read by one NVIDIA H200" in docs/benchmarks.md; tokens/s of the
     * last of them, GiB of all.
     */
    @ParameterizedTest
    @CsvSource({
        "16m,  64k,  1461000, 2.6",
        "16m,  256k, 1515000, 3.7",
        "16m,  1m,   1525000, 8.6",
        "16m,  4m,   1503000, 32",
        "50m,  256k, 1488000, 3.74",
        "500m, 256k, 1514000, 3.82",
        "1b,   256k, 1508000, 3.83",
    })
    void reading(String length, String piece, double tokensPerSecond, double gib) {
        PlanConfig config = paper("model.pattern=2k:1,16k:8...");
        Prediction read = new Planner(config).reading(Sizes.parse(length), Sizes.parse(piece));
        assertThat(read.tokensPerSecond()).isCloseTo(tokensPerSecond, NEAR);
        assertThat(read.memoryBytes() / (1 << 30)).isCloseTo(gib, NEAR);
        assertThat(read.fits()).isTrue();
    }

    private static final Percentage CPU = Percentage.withPercentage(15);

    /** A CPU whose rates were measured. */
    private static Machine cpu(double products, double bandwidth, double forward64, double backward64) {
        return Machine.of("cpu")
                .withProducts(products)
                .withBandwidth(bandwidth)
                .withAttention(64, forward64, backward64);
    }

    /**
     * {@code bench train --device cpu} in milliseconds and MiB (mean of two runs), and the rates that {@code plan --device
     * cpu} had found in the minute before: docs/plan.md.
     */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "4 | 128 | 4 | 1024:1,8192:8          | 8k  | 0.24450 12.5223 0.19759 0.21755 | 655  | 522",
                "4 | 128 | 4 | 1024:1,8192:8          | 32k | 0.24450 12.5223 0.19759 0.21755 | 2454 | 1968",
                "4 | 128 | 4 | 1024:1,8192:8          | 32k | 0.24469 12.5083 0.19970 0.18649 | 2243 | 1968",
                "2 | 384 | 6 | 512:1,4096:4,32768:32  | 8k  | 0.34939 7.64449 0.09239 0.10581 | 1071 | 886",
                "2 | 384 | 6 | 512:1,4096:4,32768:32  | 16k | 0.34939 7.64449 0.09239 0.10581 | 2044 | 1489",
                "2 | 384 | 6 | 512:1,4096:4,32768:32  | 16k | 0.34386 6.80879 0.08818 0.09479 | 2122 | 1489",
            })
    void trainingOnACpu(
            int layers, int width, int heads, String pattern, String length, String rates, double ms, double mib) {
        Prediction step = new Planner(onCpu(layers, width, heads, pattern, rates))
                .training(Sizes.parse(length), 1, Activations.KEPT);
        assertThat(1e3 * step.seconds()).isCloseTo(ms, CPU);
        assertThat(step.memoryBytes() / (1 << 20)).isCloseTo(mib, Percentage.withPercentage(17));
    }

    /** {@code read --tokens 128k} on a CPU, tokens/s (median of three) and MiB, of which the program takes 400. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "4 | 128 | 4 | 1024:1,8192:8   | 0.29570 10.1029 0.17303 0.17303 | 36298 | 728",
                "4 | 128 | 4 | 1024:1,8192:8   | 0.25562 10.4868 0.19158 0.19158 | 41110 | 750",
                "2 | 384 | 6 | 512:1,2048:4... | 0.33966 16.8749 0.04261 0.04261 | 20589 | 1405",
            })
    void readingOnACpu(
            int layers, int width, int heads, String pattern, String rates, double tokensPerSecond, double mib) {
        Prediction read = new Planner(onCpu(layers, width, heads, pattern, rates)).reading(128 << 10, null);
        assertThat(read.tokensPerSecond()).isCloseTo(tokensPerSecond, CPU);
        assertThat(400 + read.memoryBytes() / (1 << 20)).isCloseTo(mib, Percentage.withPercentage(10));
    }

    private static PlanConfig onCpu(int layers, int width, int heads, String pattern, String rates) {
        String[] each = rates.trim().split(" ");
        Machine machine = cpu(
                Double.parseDouble(each[0]),
                Double.parseDouble(each[1]),
                Double.parseDouble(each[2]),
                Double.parseDouble(each[3]));
        PlanConfig quickstart =
                new PlanConfig(Presets.of("quickstart", DilationPattern.parse(pattern.trim())), machine);
        return Configs.with(
                quickstart,
                "model.layers=" + layers,
                "model.embedding=" + width,
                "model.heads=" + heads,
                "model.keyValueHeads=" + heads,
                "model.feedForward=" + 4 * width);
    }
}
