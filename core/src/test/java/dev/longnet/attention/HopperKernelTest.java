package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Hopper's kernels against the plain kernel in float64, on a machine that has such a GPU. */
class HopperKernelTest {
    /** Relative errors of a few roundings to bfloat16; float16 rounds eight times finer. */
    private static final double OUT = 4e-3, GRADIENT = 8e-3, LSE = 1e-5;

    @BeforeEach
    void onHopper() {
        assumeTrue(torch.cuda_is_available(), "no NVIDIA GPU");
        Gpu gpu = Gpu.of(new Device("cuda"));
        assumeTrue(gpu.major() == 9 && gpu.minor() == 0, "the GPU is not of the Hopper generation");
    }

    static IntStream seeds() {
        return IntStream.range(0, 320);
    }

    /** Shapes, patterns and lengths that nothing divides; memory that held NaN before. */
    @ParameterizedTest
    @MethodSource("seeds")
    void equalsThePlainKernelForAnyShape(int seed) {
        try (Scope scope = new Scope()) {
            Random random = new Random(seed);
            int batch = 1 + random.nextInt(3), length = 1 + random.nextInt(seed % 10 == 0 ? 1500 : 400);
            int kvHeads = 1 + random.nextInt(4), heads = kvHeads * (1 + random.nextInt(3));
            int dim = 8 * (1 + random.nextInt(16));
            boolean causal = random.nextBoolean();
            ScalarType type = seed % 4 == 3 ? ScalarType.Half : ScalarType.BFloat16;
            AttentionSpec spec = AttentionSpec.of(pattern(random, length), causal, dim);
            if (seed % 3 == 0) {
                spec = spec.withLengths(random.longs(batch, 0, length + 1L).toArray());
            }
            // Queries, keys and values of one tensor, as a projection makes them, in every other case.
            Inputs in = new Inputs(batch, length, heads, kvHeads, dim, type, seed);
            poison(type);
            AttentionKernel.Result got = AttentionKernel.HOPPER.forward(in.q, in.k, in.v, spec);
            poison(type);
            AttentionKernel.Gradients g =
                    AttentionKernel.HOPPER.backward(in.dout, in.q, in.k, in.v, got.out(), got.lse(), spec);
            AttentionKernel plain = AttentionKernel.REFERENCE;
            Tensor q = wide(in.q), k = wide(in.k), v = wide(in.v), dout = wide(in.dout);
            AttentionKernel.Result want = plain.forward(q, k, v, spec);
            AttentionKernel.Gradients w = plain.backward(dout, q, k, v, want.out(), want.lse(), spec);
            String what = "B=%d N=%d H=%d/%d D=%d %s %s %s seed %d"
                    .formatted(batch, length, heads, kvHeads, dim, spec.pattern(), causal, type, seed);
            assertThat(error(got.out(), want.out())).as("out, " + what).isLessThan(OUT);
            assertThat(error(finite(got.lse()), finite(want.lse())))
                    .as("lse, " + what)
                    .isLessThan(LSE);
            assertThat(error(g.dq(), w.dq())).as("dq, " + what).isLessThan(GRADIENT);
            assertThat(error(g.dk(), w.dk())).as("dk, " + what).isLessThan(GRADIENT);
            assertThat(error(g.dv(), w.dv())).as("dv, " + what).isLessThan(GRADIENT);
        }
    }

    @Test
    void repeatsBitsWhenAskedToBeDeterministic() {
        try (Scope scope = new Scope()) {
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("256:1,1024:2,4096:4"), true, 64);
            Inputs in = new Inputs(2, 5000, 8, 4, 64, ScalarType.BFloat16, 1);
            AttentionKernel.Result r = AttentionKernel.HOPPER.forward(in.q, in.k, in.v, spec);
            Compute.deterministic(true);
            try {
                AttentionKernel.Gradients first = gradients(in, r, spec);
                for (int i = 0; i < 5; i++) {
                    AttentionKernel.Gradients again = gradients(in, r, spec);
                    assertThat(again.dq().equal(first.dq())).as("dq again").isTrue();
                    assertThat(again.dk().equal(first.dk())).as("dk again").isTrue();
                    assertThat(again.dv().equal(first.dv())).as("dv again").isTrue();
                }
            } finally {
                Compute.deterministic(false);
            }
            AttentionKernel.Result again = AttentionKernel.HOPPER.forward(in.q, in.k, in.v, spec);
            assertThat(again.out().equal(r.out())).as("out again").isTrue();
        }
    }

    private static AttentionKernel.Gradients gradients(Inputs in, AttentionKernel.Result r, AttentionSpec spec) {
        return AttentionKernel.HOPPER.backward(in.dout, in.q, in.k, in.v, r.out(), r.lse(), spec);
    }

    private static DilationPattern pattern(Random random, int length) {
        List<Branch> branches = new ArrayList<>();
        int count = 1 + random.nextInt(4), segment = 1, ratio = 0;
        for (int i = 0; i < count; i++) {
            segment += 1 + random.nextInt(1 + length / 2);
            ratio = Math.min(segment, ratio + 1 + (i == 0 ? random.nextInt(2) : random.nextInt(7)));
            branches.add(new Branch(segment, ratio));
        }
        return new DilationPattern(branches);
    }

    private static final class Inputs {
        final Tensor q, k, v, dout;

        Inputs(int batch, int length, int heads, int kvHeads, int dim, ScalarType type, int seed) {
            Compute.seed(seed);
            Tensor all = random(type, batch, length, heads + 2 * kvHeads, dim);
            q = all.narrow(2, 0, heads);
            k = all.narrow(2, heads, kvHeads);
            v = all.narrow(2, heads + kvHeads, kvHeads);
            dout = random(type, batch, length, heads, dim);
        }
    }

    private static Tensor random(ScalarType type, long... shape) {
        return Tensors.randn(Tensors.options(ScalarType.Float, new Device("cuda")), shape)
                .to(type);
    }

    /** Leaves memory full of NaN for the allocator to hand out next. */
    private static void poison(ScalarType type) {
        try (Scope scope = new Scope()) {
            for (long size : new long[] {1 << 12, 1 << 16, 1 << 20, 1 << 22}) {
                Tensors.full(Double.NaN, Tensors.options(type, new Device("cuda")), size);
            }
        }
    }

    private static Tensor wide(Tensor tensor) {
        return tensor.to(ScalarType.Double);
    }

    /** Relative, but of answers that are all but zero, such as a gradient of scores with one key, absolute. */
    private static double error(Tensor got, Tensor want) {
        double difference = Tensors.item(wide(got).sub(wide(want)).norm());
        double size = Tensors.item(wide(want).norm());
        double floor = 1e-2 * Math.sqrt(want.numel());
        return difference / Math.max(size, floor);
    }

    private static Tensor finite(Tensor lse) {
        return lse.masked_fill(lse.isinf(), new Scalar(-30.0));
    }
}
