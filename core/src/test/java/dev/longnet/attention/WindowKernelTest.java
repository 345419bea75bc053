package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The sliding window against sums over its tokens, one by one, in float64. */
class WindowKernelTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));
    private static final DilationPattern ANY = DilationPattern.parse("3:1,9:3");

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1, 3, 1", "2, 7, 2, 2, 5, 1", "1, 7, 3, 1, 4, 2", "2, 23, 4, 2, 3, 5", "1, 24, 2, 1, 7, 8",
        "1, 9, 2, 2, 3, 8", "1, 9, 2, 2, 3, 9", "3, 10, 1, 1, 2, 40", "1, 131, 6, 3, 9, 64", "1, 200, 2, 2, 16, 67"
    })
    void equalsTheSumsAndTheirGradient(int batch, int length, int heads, int keyHeads, int dim, int window) {
        Compute.seed(length);
        try (Scope scope = new Scope()) {
            // As a projection would give them: q, k and v side by side in one row.
            Tensor packed = Tensors.randn(F64, batch, length, heads + 2L * keyHeads, dim);
            Tensor q = packed.narrow(2, 0, heads), k = packed.narrow(2, heads, keyHeads);
            Tensor v = packed.narrow(2, heads + keyHeads, keyHeads);
            Tensor dout = Tensors.randn(F64, batch, length, heads, dim);
            AttentionSpec spec = AttentionSpec.of(ANY, true, dim);
            AttentionKernel kernel = AttentionKernel.slidingWindow(window);
            AttentionKernel.Result result = Attention.forward(q, k, v, spec, kernel);
            AttentionKernel.Gradients g = kernel.backward(dout, q, k, v, result.out(), result.lse(), spec);
            Sums sums = new Sums(batch, length, heads, keyHeads, dim, window, q, k, v, dout);
            compare(result.out(), sums.out);
            compare(result.lse(), sums.lse);
            compare(g.dq(), sums.dq);
            compare(g.dk(), sums.dk);
            compare(g.dv(), sums.dv);
        }
    }

    private static void compare(Tensor actual, double[] wanted) {
        assertThat(Tensors.doubles(actual)).containsExactly(wanted, within(1e-10));
    }

    @Test
    void refusesWhatItWouldGetWrong() {
        try (Scope scope = new Scope()) {
            Tensor x = Tensors.randn(F64, 1, 5, 1, 3);
            AttentionKernel kernel = AttentionKernel.slidingWindow(2);
            for (AttentionSpec spec : new AttentionSpec[] {
                AttentionSpec.of(ANY, false, 3),
                AttentionSpec.of(ANY, true, 3).withStart(9),
                AttentionSpec.of(ANY, true, 3).withLengths(4)
            }) {
                assertThatThrownBy(() -> Attention.forward(x, x, x, spec, kernel))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("whole causal sequences");
            }
        }
    }

    /** The definition, token by token. */
    private static final class Sums {
        private final double[] out, lse, dq, dk, dv;

        Sums(int b, int n, int h, int hk, int d, int window, Tensor tq, Tensor tk, Tensor tv, Tensor tdout) {
            double[] q = Tensors.doubles(tq), k = Tensors.doubles(tk), v = Tensors.doubles(tv);
            double[] dout = Tensors.doubles(tdout);
            out = new double[q.length];
            lse = new double[b * h * n];
            dq = new double[q.length];
            dk = new double[k.length];
            dv = new double[v.length];
            double scale = 1 / Math.sqrt(d);
            for (int e = 0; e < b; e++) {
                for (int head = 0; head < h; head++) {
                    for (int i = 0; i < n; i++) {
                        int first = Math.max(0, i - window + 1), at = ((e * n + i) * h + head) * d;
                        double[] weight = new double[i + 1];
                        double sum = 0;
                        for (int j = first; j <= i; j++) {
                            int key = ((e * n + j) * hk + head / (h / hk)) * d;
                            weight[j] = Math.exp(scale * dot(q, at, k, key, d));
                            sum += weight[j];
                        }
                        lse[(e * h + head) * n + i] = Math.log(sum);
                        double mean = 0; // Σ_j p_j (dout · v_j)
                        for (int j = first; j <= i; j++) {
                            int key = ((e * n + j) * hk + head / (h / hk)) * d;
                            weight[j] /= sum;
                            mean += weight[j] * dot(dout, at, v, key, d);
                            for (int c = 0; c < d; c++) {
                                out[at + c] += weight[j] * v[key + c];
                            }
                        }
                        for (int j = first; j <= i; j++) {
                            int key = ((e * n + j) * hk + head / (h / hk)) * d;
                            double ds = scale * weight[j] * (dot(dout, at, v, key, d) - mean);
                            for (int c = 0; c < d; c++) {
                                dq[at + c] += ds * k[key + c];
                                dk[key + c] += ds * q[at + c];
                                dv[key + c] += weight[j] * dout[at + c];
                            }
                        }
                    }
                }
            }
        }

        private static double dot(double[] a, int from, double[] b, int other, int count) {
            double sum = 0;
            for (int c = 0; c < count; c++) {
                sum += a[from + c] * b[other + c];
            }
            return sum;
        }
    }
}
