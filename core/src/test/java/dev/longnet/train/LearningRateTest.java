package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.config.Configs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LearningRateTest {
    private static double at(int step, String... settings) {
        return LearningRate.at(
                step,
                Configs.with(
                        Configs.with(
                                TrainConfig.defaults(),
                                "steps=110",
                                "warmup=10",
                                "learningRate=0.5",
                                "minLearningRate=0.1"),
                        settings));
    }

    @ParameterizedTest
    @CsvSource({
        "cosine, 1, 0.05",
        "cosine, 9, 0.45",
        "cosine, 10, 0.5",
        "cosine, 35, 0.4414213562",
        "cosine, 60, 0.3",
        "cosine, 110, 0.1",
        "polynomial, 5, 0.25",
        "polynomial, 10, 0.5",
        "polynomial, 35, 0.4",
        "polynomial, 60, 0.3",
        "polynomial, 110, 0.1",
        "constant, 7, 0.35",
        "constant, 11, 0.5",
        "constant, 110, 0.5",
    })
    void risesAndFalls(String schedule, int step, double rate) {
        assertThat(at(step, "schedule=" + schedule)).isCloseTo(rate, within(1e-9));
    }

    @Test
    void withoutWarmUpItBeginsToFallAtOnce() {
        assertThat(at(1, "warmup=0", "schedule=polynomial")).isCloseTo(0.5 - 0.4 / 110, within(1e-9));
    }

    @Test
    void aWarmUpLongerThanTheRunNeverReachesTheTop() {
        assertThat(at(110, "warmup=220")).isCloseTo(0.25, within(1e-9));
    }
}
