package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KeyValueCacheTest {
    private static final int HEADS = 3, DIM = 4, LENGTH = 61;

    /** Against the definition, pair by pair. */
    @ParameterizedTest
    @CsvSource({"'3:1,6:2...', 5", "'3:1,6:2...', 1", "'2:1,8:4...', 13", "'4:1,7:3', 9", "'5:2,15:6...', 61"})
    void everyQuerySeesWhatThePatternSaysAtItsPosition(String text, int piece) {
        DilationPattern pattern = DilationPattern.parse(text);
        try (Scope scope = new Scope();
                KeyValueCache cache = new KeyValueCache(pattern, HEADS)) {
            Compute.seed(3);
            TensorOptions options = Tensors.options(ScalarType.Double, Tensors.cpu());
            Tensor q = Tensors.randn(options, 1, LENGTH, HEADS, DIM),
                    k = Tensors.randn(options, 1, LENGTH, HEADS, DIM),
                    v = Tensors.randn(options, 1, LENGTH, HEADS, DIM);
            AttentionSpec spec = AttentionSpec.of(pattern, true, DIM);
            double[] want = plain(q, k, v, pattern);
            for (int at = 0; at < LENGTH; ) {
                int n = (int) Math.min(Math.min(piece, LENGTH - at), pattern.changesAfter(at) - at);
                Tensor out = cache.attend(
                                q.narrow(1, at, n),
                                k.narrow(1, at, n),
                                v.narrow(1, at, n),
                                spec.withStart(at),
                                AttentionKernel.REFERENCE)
                        .out();
                double[] got = Tensors.doubles(out.contiguous());
                for (int i = 0; i < got.length; i++) {
                    assertThat(got[i])
                            .as("number %d from %d on", i, at)
                            .isCloseTo(want[at * HEADS * DIM + i], within(1e-12));
                }
                at += n;
            }
        }
    }

    private static double[] plain(Tensor qs, Tensor ks, Tensor vs, DilationPattern pattern) {
        double[] q = Tensors.doubles(qs), k = Tensors.doubles(ks), v = Tensors.doubles(vs), out = new double[q.length];
        for (int i = 0; i < LENGTH; i++) {
            for (int h = 0; h < HEADS; h++) {
                double sum = 0;
                double[] row = new double[DIM];
                for (int j = 0; j <= i; j++) {
                    int count = pattern.at(i).count(i, j, h, HEADS, LENGTH, true);
                    double score = 0;
                    for (int d = 0; d < DIM; d++) {
                        score += q[(i * HEADS + h) * DIM + d] * k[(j * HEADS + h) * DIM + d];
                    }
                    double weight = count * Math.exp(score / Math.sqrt(DIM));
                    sum += weight;
                    for (int d = 0; d < DIM; d++) {
                        row[d] += weight * v[(j * HEADS + h) * DIM + d];
                    }
                }
                for (int d = 0; d < DIM && sum > 0; d++) {
                    out[(i * HEADS + h) * DIM + d] = row[d] / sum;
                }
            }
        }
        return out;
    }

    @Test
    void goesOnFromWhatWasKept() {
        DilationPattern pattern = DilationPattern.parse("3:1,6:2...");
        AttentionSpec spec = AttentionSpec.of(pattern, true, DIM);
        try (Scope scope = new Scope();
                KeyValueCache cache = new KeyValueCache(pattern, HEADS)) {
            Tensor x = Tensors.randn(Tensors.options(ScalarType.Float, Tensors.cpu()), 1, 23, HEADS, DIM);
            for (int at = 0; at < 22; at++) {
                Tensor one = x.narrow(1, at, 1);
                cache.attend(one, one, one, spec.withStart(at), AttentionKernel.ATEN);
            }
            Map<String, Tensor> rows = cache.rows();
            Tensor last = x.narrow(1, 22, 1);
            try (KeyValueCache again = new KeyValueCache(pattern, HEADS);
                    KeyValueCache copy = cache.copy()) {
                again.restore(rows, 22);
                Map<String, Tensor> fewer = new TreeMap<>(rows);
                fewer.remove("branch.0.values");
                assertThatThrownBy(() -> copy.restore(fewer, 22))
                        .hasMessage("branch 0 of 3:1,6:2... keeps 1 rows of 3 heads at position 22, which the values do"
                                + " not have");
                assertThatThrownBy(() -> copy.restore(rows, 21)).isInstanceOf(IllegalArgumentException.class);
                Tensor want = cache.attend(last, last, last, spec.withStart(22), AttentionKernel.ATEN)
                        .out();
                for (KeyValueCache other : new KeyValueCache[] {again, copy}) {
                    Tensor got = other.attend(last, last, last, spec.withStart(22), AttentionKernel.ATEN)
                            .out();
                    assertThat(Tensors.relativeError(got, want)).isZero();
                }
            }
        }
    }
}
