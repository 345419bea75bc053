package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.attention.AttentionKernel.Gradients;
import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.tensor.TestDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Kernel aten on an NVIDIA GPU against the plain kernel in float64; skipped where there is none of 8.0 or later. */
class AtenOnCudaTest {
    /** Relative errors of a few roundings to bfloat16; float16 rounds eight times finer. */
    private static final double OUT = 4e-3, GRADIENT = 1e-2, LSE = 1e-5;

    private Device gpu;

    @BeforeEach
    void onAGpu() {
        gpu = TestDevice.of("cuda");
        assumeTrue(Gpu.of(gpu).major() >= 8, "the GPU is older than compute capability 8.0");
    }

    static IntStream seeds() {
        return IntStream.range(0, 160);
    }

    /** Shapes, patterns, lengths and layouts that nothing divides; memory that held NaN before. */
    @ParameterizedTest
    @MethodSource("seeds")
    void equalsThePlainKernelForAnyShape(int seed) {
        try (Scope scope = new Scope()) {
            Random random = new Random(seed);
            int batch = 1 + random.nextInt(3), length = 1 + random.nextInt(seed % 10 == 0 ? 1500 : 400);
            int kvHeads = 1 + random.nextInt(4), heads = kvHeads * (1 + random.nextInt(3));
            int dim = 8 * (1 + random.nextInt(24));
            List<Branch> branches = new ArrayList<>();
            for (int i = 1 + random.nextInt(4); i > 0; i--) {
                int segment = 1 + random.nextInt(length + length / 4 + 1);
                branches.add(new Branch(segment, 1 + random.nextInt(Math.min(segment, 9))));
            }
            AttentionSpec spec = AttentionSpec.of(new DilationPattern(branches), random.nextBoolean(), dim);
            if (seed % 3 == 0) {
                spec = spec.withLengths(random.longs(batch, 0, length + 1L).toArray());
            }
            if (seed % 2 == 1) {
                spec = spec.withStart(random.nextInt(2 * length));
            }
            ScalarType type = seed % 4 == 3 ? ScalarType.Half : ScalarType.BFloat16;
            check(new Inputs(batch, length, heads, kvHeads, dim, type, seed), spec);
        }
    }

    /** Whole segments, which cuDNN attends to on some GPUs: ratios that divide and do not, shared offsets, one segment. */
    @ParameterizedTest
    @CsvSource({
        "2,1024,4,4,64,'128:1,512:2,1024:4',true",
        "1,1024,16,16,64,'128:1,256:2,512:4,1024:6,1024:12',true",
        "4,512,12,4,64,'128:1,256:3,512:5',true",
        "3,512,8,8,128,'64:1,512:4',false",
        "1,256,16,16,32,'256:4',true",
        "2,96,6,2,40,'32:2,96:7',false",
        "2,64,3,1,8,'2:1,4:2,8:8',true",
        "1,4096,2,2,96,'1024:1,4096:2',true",
        "1,128,2,1,192,'32:1,64:2',true"
    })
    void equalsThePlainKernelOnWholeSegments(
            int batch, int length, int heads, int kvHeads, int dim, String pattern, boolean causal) {
        try (Scope scope = new Scope()) {
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse(pattern), causal, dim);
            for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Half}) {
                check(new Inputs(batch, length, heads, kvHeads, dim, type, length + heads), spec);
            }
        }
    }

    /** More segments than an operator takes at once. */
    @Test
    void takesManyShortSegments() {
        try (Scope scope = new Scope()) {
            Inputs in = new Inputs(1, 140_000, 2, 2, 8, ScalarType.BFloat16, 0);
            Result whole = AttentionKernel.ATEN.forward(in.q, in.k, in.v, spec(8));
            Result part = AttentionKernel.REFERENCE.forward(
                    end(in.q).to(ScalarType.Double),
                    end(in.k).to(ScalarType.Double),
                    end(in.v).to(ScalarType.Double),
                    spec(8));
            assertThat(error(end(whole.out()), part.out())).isLessThan(OUT);
        }
    }

    private static AttentionSpec spec(int dim) {
        return AttentionSpec.of(DilationPattern.parse("2:1,4:2"), true, dim);
    }

    /** The last thousand tokens. */
    private static Tensor end(Tensor tensor) {
        return tensor.narrow(1, tensor.size(1) - 1000, 1000);
    }

    @Test
    void repeatsBitsWhenAskedToBeDeterministic() {
        try (Scope scope = new Scope()) {
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("256:1,1024:2,4096:4"), true, 64);
            Inputs in = new Inputs(2, 4096, 8, 4, 64, ScalarType.BFloat16, 1);
            Result r = AttentionKernel.ATEN.forward(in.q, in.k, in.v, spec);
            assertThat(AttentionKernel.ATEN
                            .forward(in.q, in.k, in.v, spec)
                            .out()
                            .equal(r.out()))
                    .isTrue();
            Compute.deterministic(true);
            try {
                Gradients first = in.gradients(r, spec), again = in.gradients(r, spec);
                assertThat(again.dq().equal(first.dq())).as("dq again").isTrue();
                assertThat(again.dk().equal(first.dk())).as("dk again").isTrue();
                assertThat(again.dv().equal(first.dv())).as("dv again").isTrue();
            } finally {
                Compute.deterministic(false);
            }
        }
    }

    @Test
    void autoTakesWhatTheGpuCan() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("256:1"), true, 256);
        AttentionKernel auto = AttentionKernel.AUTO;
        boolean large = Gpu.of(gpu).major() == 9;
        assumeTrue(large, "256 features are not for every GPU");
        assertThat(auto.on(gpu, ScalarType.BFloat16, 4, 64, spec)).isSameAs(AttentionKernel.HOPPER);
        assertThat(auto.on(gpu, ScalarType.BFloat16, 4, 256, spec)).isSameAs(AttentionKernel.ATEN);
        assertThat(auto.on(gpu, ScalarType.BFloat16, 4, 260, spec)).isSameAs(AttentionKernel.REFERENCE);
        assertThat(auto.on(gpu, ScalarType.Float, 4, 64, spec)).isSameAs(AttentionKernel.REFERENCE);
    }

    private static void check(Inputs in, AttentionSpec spec) {
        in.poison();
        Result got = AttentionKernel.ATEN.forward(in.q, in.k, in.v, spec);
        in.poison();
        Gradients g = in.gradients(got, spec);
        AttentionKernel plain = AttentionKernel.REFERENCE;
        Tensor q = wide(in.q), k = wide(in.k), v = wide(in.v);
        Result want = plain.forward(q, k, v, spec);
        Gradients w = plain.backward(wide(in.dout), q, k, v, want.out(), want.lse(), spec);
        String what =
                "%s Hk=%d %s %s".formatted(Arrays.toString(Tensors.shape(q)), k.size(2), Tensors.type(in.q), spec);
        assertThat(error(got.out(), want.out())).as("out, " + what).isLessThan(OUT);
        assertThat(error(finite(got.lse()), finite(want.lse())))
                .as("lse, " + what)
                .isLessThan(LSE);
        assertThat(error(g.dq(), w.dq())).as("dq, " + what).isLessThan(GRADIENT);
        assertThat(error(g.dk(), w.dk())).as("dk, " + what).isLessThan(GRADIENT);
        assertThat(error(g.dv(), w.dv())).as("dv, " + what).isLessThan(GRADIENT);
    }

    /** Queries, keys and values as a projection makes them, in one tensor, or laid out in other ways. */
    private final class Inputs {
        final Tensor q, k, v, dout;

        Inputs(int batch, int length, int heads, int kvHeads, int dim, ScalarType type, int seed) {
            Compute.seed(seed);
            Tensor all = random(type, batch, length, heads + 2L * kvHeads, dim);
            q = laidOut(all.narrow(2, 0, heads), seed);
            k = laidOut(all.narrow(2, heads, kvHeads), seed / 3);
            v = laidOut(all.narrow(2, heads + kvHeads, kvHeads), seed / 9);
            dout = laidOut(random(type, batch, length, heads, dim), seed / 27);
        }

        Gradients gradients(Result r, AttentionSpec spec) {
            return AttentionKernel.ATEN.backward(dout, q, k, v, r.out(), r.lse(), spec);
        }

        /** Leaves NaN in memory that the next tensors will get. */
        void poison() {
            for (long bytes : new long[] {1 << 13, 1 << 17, 1 << 21, 1 << 23}) {
                TestDevice.poison(gpu, bytes);
            }
        }

        private Tensor random(ScalarType type, long... shape) {
            return Tensors.randn(Tensors.options(ScalarType.Float, gpu), shape).to(type);
        }

        private static Tensor laidOut(Tensor tensor, int layout) {
            return switch (layout % 3) {
                case 0 -> tensor;
                case 1 -> tensor.contiguous();
                default -> tensor.transpose(2, 3).contiguous().transpose(2, 3);
            };
        }
    }

    private static Tensor wide(Tensor tensor) {
        return tensor.to(ScalarType.Double);
    }

    /** Relative, but of answers that are all but zero, such as a gradient of scores with one key, absolute. */
    private static double error(Tensor got, Tensor want) {
        double difference = Tensors.item(wide(got).sub(wide(want)).norm());
        double floor = 1e-2 * Math.sqrt(want.numel());
        return difference / Math.max(Tensors.item(wide(want).norm()), floor);
    }

    private static Tensor finite(Tensor lse) {
        return lse.masked_fill(lse.isinf(), new Scalar(-30.0));
    }
}
