package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OffloadedTensorTest {
    @ParameterizedTest
    @CsvSource({"cpu,3,100", "cuda,3,100", "cuda,4000,4096", "cuda,4000000,268435456"})
    void comesBackAsItWas(String device, int rows, long pieceBytes) {
        try (Scope scope = new Scope()) {
            Device place = TestDevice.of(device);
            List<float[]> expected = new ArrayList<>();
            List<Tensor> kept = new ArrayList<>();
            OffloadedTensor last = null;
            List<OffloadedTensor> all = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                try (Scope part = new Scope()) {
                    Tensor tensor = TestDevice.bfloat16(place, rows, 24).add_(new Scalar((double) i));
                    last = OffloadedTensor.inPieces(tensor, last, pieceBytes);
                    last.tensors().forEach(piece -> kept.add(part.keep(piece)));
                    expected.add(Tensors.floats(tensor.narrow(0, 0, Math.min(rows, 4000))));
                    last.departed();
                    all.add(last);
                }
                TestDevice.poison(place, 48L * rows); // what was the tensor's memory
            }
            for (int i = 2; i >= 0; i--) {
                try (Scope part = new Scope()) {
                    Tensor back = all.get(i).fetch();
                    assertThat(Tensors.shape(back)).containsExactly(rows, 24);
                    assertThat(back.is_cuda()).isEqualTo(place.is_cuda());
                    assertThat(Tensors.floats(back.narrow(0, 0, Math.min(rows, 4000))))
                            .isEqualTo(expected.get(i));
                }
            }
        }
    }
}
