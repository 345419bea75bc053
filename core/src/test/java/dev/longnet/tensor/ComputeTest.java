package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ComputeTest {
    @Test
    @DisabledOnOs(OS.MAC)
    void anAppleGpuThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> Compute.device("mps"))
                .isInstanceOf(LongNetException.class)
                .hasMessage("device mps: libtorch sees no Apple GPU here; use --device cpu");
    }

    @ParameterizedTest
    @ValueSource(strings = {"mps:0", "cuda:", "gpu", "", "CPU"})
    void otherNamesAreRefused(String name) {
        assertThatThrownBy(() -> Compute.device(name))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("device \"" + name + "\" is not known; use auto, cpu, cuda, cuda:1 or mps");
    }

    @Test
    void float64IsComputedOnTheHostWhereTheDeviceHasNone() {
        assertThat(Compute.wide(new Device("mps")).is_cpu()).isTrue();
        assertThat(Compute.wide(new Device("cuda:1")).is_cuda()).isTrue();
        assertThat(Compute.wide(Tensors.cpu()).is_cpu()).isTrue();
    }

    @Test
    void randomNumbersGoOnFromAPartOfATensor() {
        try (Scope scope = new Scope()) {
            Compute.seed(5);
            Tensor state = Compute.randomState();
            Tensor rows = Tensors.zeros(Tensors.options(ScalarType.Byte, Tensors.cpu()), 3, state.numel());
            rows.select(0, 2).copy_(state);
            Tensor expected = torch.rand(7);
            Compute.randomState(rows.select(0, 2));
            assertThat(torch.rand(7).equal(expected)).isTrue();
        }
    }
}
