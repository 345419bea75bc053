package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.config.Configs;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.Tensors;
import dev.longnet.tensor.TestDevice;
import dev.longnet.train.TrainConfig.Precision;
import org.bytedeco.pytorch.Device;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainConfigTest {
    private static TrainConfig with(String... settings) {
        return Configs.with(TrainConfig.defaults(), settings);
    }

    @Test
    void countsTokensBeyondAnInt() {
        assertThat(with("length=1m", "batch=3", "accumulate=1k").tokensPerStep())
                .isEqualTo(3L << 30);
    }

    @ParameterizedTest
    @ValueSource(strings = {"auto", "cpu", "cuda", "cuda:0", "cuda:12"})
    void takesDevices(String device) {
        assertThat(with("device=" + device).device()).isEqualTo(device);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "steps=0|steps must be positive, got 0",
                "length=-3|length must be positive, got -3",
                "learningRate=0|learningRate must be a finite number above 0, got 0.0",
                "learningRate=1e999|learningRate must be a finite number above 0, got Infinity",
                "minLearningRate=0.01|minLearningRate must lie between 0 and learningRate 0.001, got 0.01",
                "beta2=1|beta2 must be at least 0 and below 1, got 1.0",
                "clip=-1|clip must be 0 (off) or a finite number above 0, got -1.0",
                "lossChunk=-1|lossChunk must be 0 (chosen for the device) or a number of tokens, got -1",
                "offload=true|offload moves what recompute keeps, and recompute is off; set train.recompute=true too",
                "evalEvery=-1|evalEvery must be 0 (only at the end) or more, got -1",
                "device=gpu|device \"gpu\" is not known; use auto, cpu, cuda, cuda:INDEX or mps",
                "kernel=flash|kernel \"flash\" is not known; use auto, reference, aten, hopper",
            })
    void saysWhichRuleAValueBreaks(String setting, String message) {
        assertThatThrownBy(() -> with(setting))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void autoIsBfloat16OnAGpuThatHasIt() {
        assertThat(TrainConfig.bfloat16(Precision.AUTO, Tensors.cpu())).isFalse();
        assertThat(TrainConfig.bfloat16(Precision.BFLOAT16, Tensors.cpu())).isTrue();
        Device gpu = TestDevice.of("cuda");
        assertThat(TrainConfig.bfloat16(Precision.AUTO, gpu))
                .isEqualTo(Gpu.of(gpu).major() >= 8);
        assertThat(TrainConfig.bfloat16(Precision.FLOAT32, gpu)).isFalse();
    }
}
