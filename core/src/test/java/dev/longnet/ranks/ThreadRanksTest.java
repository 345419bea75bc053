package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The threads that stand for ranks in other tests exchange what the interface promises. */
class ThreadRanksTest {
    private static final TensorOptions F64 = Tensors.options(ScalarType.Double, Tensors.cpu());

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void exchangesWhatIsPromised(int size) {
        ThreadRanks.run(size, group -> {
            int me = group.rank();
            // Rank i sends i + j rows of value i to rank j.
            long[] to = new long[size], from = new long[size];
            Arrays.setAll(to, j -> me + j);
            Arrays.setAll(from, i -> me + i);
            Tensor sent = Tensors.full(me, F64, Arrays.stream(to).sum(), 2);
            Tensor got = Tensors.empty(F64, Arrays.stream(from).sum(), 2);
            group.allToAll(got, sent, from, to).await();
            double[] expected = new double[(int) got.numel()];
            int at = 0;
            for (int i = 0; i < size; i++) {
                for (int n = 0; n < 2 * from[i]; n++) {
                    expected[at++] = i;
                }
            }
            assertThat(Tensors.doubles(got)).containsExactly(expected);

            Tensor sum = Tensors.full(me + 1, F64, 3);
            group.allReduce(sum).await();
            assertThat(Tensors.item(sum.select(0, 2))).isEqualTo(size * (size + 1) / 2.0);

            Tensor part = Tensors.empty(F64, 2), whole = Tensors.range(0, 2L * size, F64);
            group.reduceScatter(part, whole).await();
            assertThat(Tensors.doubles(part)).containsExactly(size * 2.0 * me, size * (2.0 * me + 1));
            Tensor all = Tensors.empty(F64, 2L * size);
            group.allGather(all, part).await();
            assertThat(Tensors.relativeError(
                            all, Tensors.range(0, 2L * size, F64).mul(new Scalar((double) size))))
                    .isZero();

            Tensor said = Tensors.full(me, F64, 1);
            group.broadcast(said, size - 1).await();
            assertThat(Tensors.item(said)).isEqualTo(size - 1.0);
            assertThat(group.allGather(me, -me)[size - 1]).containsExactly(size - 1, 1 - size);
            assertThat(group.bytesSent() > 0).isEqualTo(size > 1);
        });
    }

    @Test
    void aRankThatFailsEndsTheOthers() {
        assertThatThrownBy(() -> ThreadRanks.run(3, group -> {
                    if (group.rank() == 1) {
                        throw new IllegalStateException("broken");
                    }
                    group.barrier();
                }))
                .hasMessageContaining("broken");
    }
}
