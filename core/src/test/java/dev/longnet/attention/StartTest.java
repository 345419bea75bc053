package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

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

/** Rows that do not begin at position 0 of their sequence. */
class StartTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));

    /** With queries of 0 the weights are C over its sum, and values of which each has a feature of its own show them. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "5:1,12:3 7 23 4 true",
                "5:1,12:3 7 23 4 false",
                "9:4 30 5 6 true",
                "100:7 3000000000061 40 3 false",
                "6:5,31:31 62 33 5 true"
            })
    void plainKernelCountsFromTheSequencesStart(String text, long start, int length, int heads, boolean causal) {
        DilationPattern pattern = DilationPattern.parse(text);
        AttentionSpec spec = AttentionSpec.of(pattern, causal, length).withStart(start);
        try (Scope scope = new Scope()) {
            Tensor zeros = Tensors.zeros(F64, 1, length, heads, length);
            Tensor values = zeros.clone();
            values.select(0, 0).diagonal(0, 0, 2).fill_(Tensors.full(1, F64));
            for (AttentionKernel kernel : new AttentionKernel[] {AttentionKernel.REFERENCE, AttentionKernel.ATEN}) {
                AttentionKernel.Result result = kernel.forward(zeros, zeros, values, spec);
                double[] out = Tensors.doubles(result.out()), lse = Tensors.doubles(result.lse());
                for (int h = 0; h < heads; h++) {
                    for (int i = 0; i < length; i++) {
                        double seen = Math.exp(lse[h * length + i]);
                        for (int j = 0; j < length; j++) {
                            int count = pattern.count(start + i, start + j, h, heads, start + length, causal);
                            double found = out[(i * heads + h) * length + j] * seen;
                            assertThat(Math.round(1e6 * found)).isEqualTo(1_000_000L * count);
                        }
                    }
                }
            }
        }
    }

    /** As a shard in the middle of the sequence: the end of one segment, whole ones, the beginning of another. */
    @Test
    void lengthsCountFromTheFirstRow() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("7:1,21:2,33:4"), true, 8);
        Compute.seed(4);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 2, 61, 6, 8), k = Tensors.randn(F64, 2, 61, 3, 8);
            AttentionSpec part = spec.withStart(40).withLengths(50, 9);
            Tensor whole = AttentionKernel.REFERENCE.forward(q, k, k, part).out();
            for (AttentionKernel kernel : new AttentionKernel[] {AttentionKernel.REFERENCE, AttentionKernel.ATEN}) {
                Tensor first = rows(q, 50).narrow(0, 0, 1), keys = rows(k, 50).narrow(0, 0, 1);
                Tensor alone =
                        kernel.forward(first, keys, keys, spec.withStart(40)).out();
                assertThat(Tensors.relativeError(rows(whole, 50).narrow(0, 0, 1), alone))
                        .isLessThan(1e-13);
                assertThat(Tensors.item(whole.narrow(1, 50, 11).abs().max())).isZero();
                assertThat(Tensors.relativeError(kernel.forward(q, k, k, part).out(), whole))
                        .isLessThan(1e-13);
            }
        }
    }

    private static Tensor rows(Tensor tensor, long count) {
        return tensor.narrow(1, 0, count);
    }

    @Test
    void whatLooksTheSameFromPositionZeroIsCountedFromThere() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("8:1,32:2,256:3"), true, 8);
        assertThat(spec.withStart(96).simplest(64).start()).isZero();
        assertThat(spec.withStart(96).simplest(160).start()).isZero();
        assertThat(spec.withStart(96).simplest(161).start()).isEqualTo(96); // goes on into the next segment of 256
        assertThat(spec.withStart(64).simplest(32).start()).isEqualTo(64); // 64 is no multiple of 3
        assertThat(spec.withStart(100).simplest(3).start()).isEqualTo(100); // nor is 100
        assertThat(spec.withStart(768).simplest(5000).start()).isZero();
    }
}
