package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Column sums, rotation and cross-entropy of bfloat16 rows against float64. */
class RowKernelsTest {
    @ParameterizedTest
    @CsvSource({
        "cpu,5,7",
        "cpu,1,8",
        "cuda,32768,2304",
        "cuda,1,8",
        "cuda,7,264",
        "cuda,100003,768",
        "cuda,513,20",
        "cuda,9,3072"
    })
    void columnSumsAreInFloat32(String device, int rows, int width) {
        try (Scope scope = new Scope()) {
            Compute.seed(rows);
            Tensor x = TestDevice.bfloat16(TestDevice.of(device), rows, width);
            Tensor sums = ColumnSums.of(x);
            assertThat(Tensors.type(sums)).isEqualTo(ScalarType.Float);
            assertThat(Tensors.relativeError(sums, TestDevice.wide(x).sum(0))).isLessThan(1e-5);
            assertThat(Tensors.floats(ColumnSums.of(x))).isEqualTo(Tensors.floats(sums));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cpu,2,5,3,1,4",
        "cpu,1,1,2,2,6",
        "cuda,2,517,12,12,64",
        "cuda,1,300,6,2,128",
        "cuda,3,77,5,1,8",
        "cuda,1,9,2,2,6",
        "cuda,1,70000,12,12,64"
    })
    void queriesAndKeysTurnWhereTheyLie(String device, int batch, int length, int heads, int keyHeads, int dim) {
        try (Scope scope = new Scope()) {
            Compute.seed(length);
            Device place = TestDevice.of(device);
            Tensor packed = TestDevice.bfloat16(place, batch, length, heads + 2L * keyHeads, dim);
            Tensor before = TestDevice.wide(packed);
            Tensor queries = table(length, dim), keys = table(length, dim);
            for (boolean conjugate : new boolean[] {false, true}) {
                Tensor turned = packed.clone();
                PairRotation.turn(
                        turned,
                        queries.to(place, ScalarType.ComplexFloat),
                        keys.to(place, ScalarType.ComplexFloat),
                        heads,
                        conjugate);
                Tensor expected = Tensors.cat(
                        2,
                        turn(before.narrow(2, 0, heads), queries, conjugate),
                        turn(before.narrow(2, heads, keyHeads), keys, conjugate),
                        before.narrow(2, heads + keyHeads, keyHeads));
                assertThat(Tensors.relativeError(turned, expected)).isLessThan(2.5e-3);
                assertThat(Tensors.floats(turned.narrow(2, heads + keyHeads, keyHeads)))
                        .isEqualTo(Tensors.floats(packed.narrow(2, heads + keyHeads, keyHeads)));
            }
        }
    }

    /** Complex numbers (N, 1, D/2) in float64 that float32 holds. */
    private static Tensor table(int length, int dim) {
        Tensor numbers = Tensors.randn(Tensors.options(ScalarType.Float, Tensors.cpu()), length, 1, dim / 2, 2);
        return org.bytedeco.pytorch.global.torch.view_as_complex(numbers.to(ScalarType.Double));
    }

    private static Tensor turn(Tensor x, Tensor table, boolean conjugate) {
        return Ops.rotatePairs(x, conjugate ? table.conj() : table);
    }

    @ParameterizedTest
    @CsvSource({
        "cpu,4,11,3",
        "cpu,3,256,1",
        "cuda,300,50304,4",
        "cuda,64,256,3",
        "cuda,5,11,2",
        "cuda,17,100277,4",
        "cuda,3,57344,1",
        "cuda,3,57345,30",
        "cuda,2,200019,5"
    })
    void crossEntropyAndItsGradient(String device, int rows, int vocabulary, double spread) {
        try (Scope scope = new Scope()) {
            Compute.seed(vocabulary);
            Device place = TestDevice.of(device);
            Tensor values = Ops.times(TestDevice.bfloat16(place, rows, vocabulary), spread);
            long[] wanted = new Random(vocabulary).longs(rows, 0, vocabulary).toArray();
            wanted[0] = 0;
            wanted[rows - 1] = vocabulary - 1;
            Tensor targets = Tensors.of(wanted, place);
            TestDevice.poison(place, 2L * rows * (vocabulary + 8));
            Tensor logits = CrossEntropy.room(rows, vocabulary, values);
            logits.copy_(values);

            Tensor wide = TestDevice.wide(values).set_requires_grad(true);
            Tensor expected = Ops.crossEntropy(wide, Tensors.of(wanted, Tensors.cpu()));
            Tensor losses = Tensors.empty(Tensors.options(ScalarType.Float, place), rows);
            CrossEntropy.of(logits, targets, losses, 0);
            assertThat(Tensors.relativeError(losses, expected)).isLessThan(1e-5);
            assertThat(Tensors.floats(logits)).isEqualTo(Tensors.floats(values));

            double weight = 3e-5;
            CrossEntropy.of(logits, targets, losses, weight);
            assertThat(Tensors.relativeError(losses, expected)).isLessThan(1e-5);
            expected.sum().backward();
            assertThat(Tensors.relativeError(logits, Ops.times(wide.grad(), weight)))
                    .isLessThan(3e-3);
        }
    }
}
