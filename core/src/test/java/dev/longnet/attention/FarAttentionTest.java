package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention to keys elsewhere with all scores at once, as a GPU does it in wide types, against the blockwise way. */
class FarAttentionTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));

    /** With damping the queries come in several stretches: 128 positions each for a base of one token. */
    @ParameterizedTest
    @CsvSource({"0,7,5", "1,90,61", "1,3,300", "4,1,1"})
    void isTheSameWithAllScoresAtOnce(int damping, int keys, int rows) {
        int ratio = 3;
        Damping fading = new Damping(damping == 0 ? null : new Rotary(6, 10_000, damping));
        FarAttention plain = new FarAttention(null, 0.4, fading, false);
        FarAttention blockwise = new FarAttention(AtenDevice.CPU, 0.4, fading, false);
        Compute.seed(rows);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 2, 3, rows, 6), k = Tensors.randn(F64, 2, 3, keys, 6);
            Tensor v = Tensors.randn(F64, 2, 3, keys, 6), dout = Tensors.randn(F64, 2, 3, rows, 6);
            Aten.Flash a = blockwise.attend(q, k, v, ratio), b = plain.attend(q, k, v, ratio);
            assertThat(Tensors.relativeError(b.out(), a.out())).isLessThan(1e-13);
            assertThat(Tensors.relativeError(b.lse(), a.lse())).isLessThan(1e-13);
            // As after a merge with other keys, which weigh as much again.
            Tensor out = Tensors.randn(F64, 2, 3, rows, 6),
                    lse = a.lse().add(a.lse().abs());
            Aten.FlashGradients g = blockwise.gradients(dout, q, k, v, out, lse, ratio);
            Aten.FlashGradients h = plain.gradients(dout, q, k, v, out, lse, ratio);
            assertThat(Tensors.relativeError(h.dq(), g.dq())).isLessThan(1e-12);
            assertThat(Tensors.relativeError(h.dk(), g.dk())).isLessThan(1e-12);
            assertThat(Tensors.relativeError(h.dv(), g.dv())).isLessThan(1e-12);
        }
    }
}
