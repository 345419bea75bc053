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

    @Test
    void whatCannotBeLoadedInVectorsIsCopied() {
        try (Scope scope = new Scope()) {
            Tensor whole = Tensors.randn(Tensors.options(ScalarType.Float, Tensors.cpu()), 2, 3, 5, 8);
            assertThat(Tensors.inVectors(whole)).isSameAs(whole);
            Tensor heads = whole.narrow(2, 1, 3);
            assertThat(Tensors.inVectors(heads)).isSameAs(heads);
            Tensor misplaced = whole.narrow(3, 1, 4),
                    narrow = whole.narrow(3, 0, 3).contiguous();
            Tensor turned = whole.transpose(2, 3),
                    expanded = whole.narrow(0, 0, 1).expand(2, 3, 5, 8);
            for (Tensor tensor : new Tensor[] {misplaced, narrow, turned, expanded}) {
                Tensor copy = Tensors.inVectors(tensor);
                assertThat(copy).isNotSameAs(tensor);
                assertThat(copy.is_contiguous()).isTrue();
                assertThat(copy.equal(tensor)).isTrue();
            }
        }
    }
}
