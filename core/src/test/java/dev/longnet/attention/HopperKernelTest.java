package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.tensor.TestDevice;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Hopper's kernels against the plain kernel in float64, on a machine that has such a GPU. */
class HopperKernelTest {
    /** Relative errors of a few roundings to bfloat16; float16 rounds eight times finer. */
    private static final double OUT = 4e-3, GRADIENT = 8e-3, LSE = 1e-5;

    private static final int BYTES = 64 << 20;

    private Device gpu;

    @BeforeEach
    void onHopper() {
        gpu = Scope.own(TestDevice.hopper());
    }

    static IntStream seeds() {
        return IntStream.range(0, 320);
    }

    /** In memory that held NaN before, every fifth time deterministic. */
    @ParameterizedTest
    @MethodSource("seeds")
    void equalsThePlainKernelForAnyShape(int seed) {
        try (Scope scope = new Scope()) {
            HopperCase inputs = HopperCase.random(seed, gpu);
            TestDevice.poison(gpu, BYTES);
            // Asked of our kernels alone: cuBLAS, which the plain kernel uses, wants more than that.
            Compute.deterministic(seed % 5 == 1);
            HopperCase.Answers got;
            try {
                got = inputs.answers(AttentionKernel.HOPPER);
            } finally {
                Compute.deterministic(false);
            }
            HopperCase.Answers want = inputs.wide().answers(AttentionKernel.REFERENCE);
            String what = inputs + ", seed " + seed;
            assertThat(error(got.out(), want.out())).as("out, " + what).isLessThan(OUT);
            assertThat(error(finite(got.lse()), finite(want.lse())))
                    .as("lse, " + what)
                    .isLessThan(LSE);
            assertThat(error(got.dq(), want.dq())).as("dq, " + what).isLessThan(GRADIENT);
            assertThat(error(got.dk(), want.dk())).as("dk, " + what).isLessThan(GRADIENT);
            assertThat(error(got.dv(), want.dv())).as("dv, " + what).isLessThan(GRADIENT);
        }
    }

    @Test
    void saysWhatDoesNotFitAndAutoTakesAnother() {
        try (Scope scope = new Scope()) {
            DilationPattern pattern = DilationPattern.parse("8:1"), nine = DilationPattern.geometric(8, 2, 9);
            refuses(ScalarType.BFloat16, 2, 12, pattern, "takes head dimensions 8, 16, … 128, not 12");
            refuses(ScalarType.BFloat16, 2, 136, pattern, "takes head dimensions 8, 16, … 128, not 136");
            refuses(ScalarType.Float, 2, 16, pattern, "computes in bfloat16 and float16, not in float32");
            refuses(ScalarType.BFloat16, 2, 16, nine, "takes up to 8 branches, not 9");
            refuses(ScalarType.BFloat16, 129, 8, pattern, "takes up to 128 heads, not 129");
        }
    }

    @Test
    void computesRowsFromAnyPositionWhereSegmentsLookTheSameFromZero() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("16:1,64:4"), true, 16);
        try (Scope scope = new Scope()) {
            Tensor x = HopperCase.packed(gpu, ScalarType.BFloat16, 1, 32, 2, 16);
            Tensor want = AttentionKernel.HOPPER.forward(x, x, x, spec).out();
            for (long start : new long[] {32, 64, 96, 6400}) {
                Tensor got = AttentionKernel.HOPPER
                        .forward(x, x, x, spec.withStart(start))
                        .out();
                assertThat(Tensors.relativeError(got, want)).isZero();
            }
            for (long start : new long[] {1, 8, 48}) {
                AttentionSpec other = spec.withStart(start);
                assertThatThrownBy(() -> AttentionKernel.HOPPER.forward(x, x, x, other))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("stands at " + start + " in segments of 16:1,64:4");
                Tensor got = AttentionKernel.AUTO.forward(x, x, x, other).out();
                Tensor plain = AttentionKernel.REFERENCE.forward(x, x, x, other).out();
                assertThat(error(got, plain.to(ScalarType.Double))).isLessThan(2 * OUT);
            }
        }
    }

    private void refuses(ScalarType type, int heads, int dim, DilationPattern pattern, String reason) {
        Tensor x = HopperCase.packed(gpu, type, 1, 9, heads, dim);
        AttentionSpec spec = AttentionSpec.of(pattern, true, dim);
        assertThatThrownBy(() -> Attention.forward(x, x, x, spec, AttentionKernel.HOPPER))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("attention kernel hopper " + reason);
        AttentionKernel other = AttentionKernel.AUTO.on(gpu, type, heads, dim, spec);
        assertThat(other).isNotSameAs(AttentionKernel.HOPPER);
        assertThat(other.obstacle(gpu, type, heads, dim, spec)).isNull();
    }

    /** Relative, but of answers that are all but zero, such as a gradient of scores with one key, absolute. */
    private static double error(Tensor got, Tensor want) {
        double difference = Tensors.item(got.to(ScalarType.Double).sub(want).norm());
        double floor = 1e-2 * Math.sqrt(want.numel());
        return difference / Math.max(Tensors.item(want.norm()), floor);
    }

    /** −∞ where a query sees nothing; both must have it in the same places. */
    private static Tensor finite(Tensor lse) {
        return lse.masked_fill(lse.isinf(), new Scalar(-30.0));
    }
}
