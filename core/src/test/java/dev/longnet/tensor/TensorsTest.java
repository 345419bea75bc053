package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class TensorsTest {
    @Test
    void anEmptyTensorIsAnEmptyArray() {
        try (Scope scope = new Scope()) {
            Tensor empty = Tensors.zeros(Tensors.options(ScalarType.Float, Tensors.cpu()), 3, 0);
            assertThat(Tensors.floats(empty)).isEmpty();
            assertThat(Tensors.doubles(empty)).isEmpty();
            assertThat(Tensors.longs(empty)).isEmpty();
        }
    }

    @Test
    void numbersComeBackAsTheyWent() {
        try (Scope scope = new Scope()) {
            Tensor tensor = Tensors.of(new double[] {1, -2, 3}, Tensors.cpu());
            assertThat(Tensors.floats(tensor)).containsExactly(1, -2, 3);
            assertThat(Tensors.doubles(tensor)).containsExactly(1, -2, 3);
            assertThat(Tensors.longs(tensor)).containsExactly(1, -2, 3);
        }
    }
}
