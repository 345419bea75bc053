package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention over ranks that share one NVIDIA GPU against the plain kernel in float64; skipped where there is none. */
class ShardedOnCudaTest {
    /** A rounding to bfloat16 more than on one rank, where a row sees keys of its own shard and of others. */
    private static final double OUT = 6e-3, GRADIENT = 1.5e-2, LSE = 1e-5;

    private Device gpu;
    private Scope scope;

    @BeforeEach
    void onAGpu() {
        gpu = Scope.own(TestDevice.of("cuda"));
        scope = new Scope();
        assumeTrue(Gpu.of(gpu).major() >= 8, "the GPU is older than compute capability 8.0");
    }

    @AfterEach
    void free() {
        if (scope != null) {
            scope.close();
        }
    }

    static IntStream seeds() {
        return IntStream.range(0, 80);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void equalsTheWholeSequence(int seed) {
        Random random = new Random(seed);
        int batch = 1 + random.nextInt(3), length = 8 + random.nextInt(seed % 10 == 0 ? 1500 : 400);
        int kvHeads = 1 + random.nextInt(4), heads = kvHeads * (1 + random.nextInt(4));
        int dim = 8 * (1 + random.nextInt(16));
        List<Branch> branches = new ArrayList<>();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            int w = 1 + random.nextInt(length + length / 2);
            branches.add(new Branch(w, 1 + random.nextInt(Math.min(w, 9))));
        }
        DilationPattern pattern = new DilationPattern(branches);
        AttentionSpec spec = AttentionSpec.of(pattern, random.nextBoolean(), dim);
        SequenceShards shards = SequenceShards.of(pattern, length, 2 + random.nextInt(7));
        ScalarType type = seed % 4 == 3 ? ScalarType.Half : ScalarType.BFloat16;
        AttentionKernel kernel = seed % 2 == 0 ? AttentionKernel.ATEN : AttentionKernel.AUTO;
        check(inputs(seed, type, spec, batch, length, heads, kvHeads, dim), shards, kernel, OUT, GRADIENT, LSE);
    }

    /** Shards that every kernel can compute, and far keys and queries enough for cuDNN. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "1 2048 2 4 4 64 256:1,1024:2,2048:4 true",
                "2 1024 4 8 2 64 64:1,256:2,1024:8 true",
                "1 4096 8 16 16 64 256:1,2048:4,4096:16 true",
                "2 1024 4 6 6 128 128:1,1024:2 false",
                "1 8192 8 12 4 64 512:1,8192:1 true"
            })
    void everyKernelComputesEqualShards(
            int batch, int length, int ranks, int heads, int kvHeads, int dim, String text, boolean causal) {
        DilationPattern pattern = DilationPattern.parse(text);
        AttentionSpec spec = AttentionSpec.of(pattern, causal, dim);
        SequenceShards shards = SequenceShards.of(pattern, length, ranks);
        boolean hopper = Gpu.of(gpu).capability().equals("9.0");
        for (int rank = 0; hopper && rank < ranks; rank++) {
            AttentionSpec near = spec.withStart(shards.start(rank)).simplest(shards.count(rank));
            assertThat(AttentionKernel.AUTO.on(gpu, ScalarType.BFloat16, heads, dim, near))
                    .isSameAs(AttentionKernel.HOPPER);
        }
        for (AttentionKernel kernel : hopper
                ? List.of(AttentionKernel.ATEN, AttentionKernel.HOPPER, AttentionKernel.AUTO)
                : List.of(AttentionKernel.ATEN, AttentionKernel.AUTO)) {
            ShardedCase inputs = inputs(length, ScalarType.BFloat16, spec, batch, length, heads, kvHeads, dim);
            check(inputs, shards, kernel, OUT, GRADIENT, LSE);
        }
    }

    /** What blockwise attention on a GPU does not do: wide types, and scores that fade in the kernel. */
    @ParameterizedTest
    @CsvSource({"Float,0,1e-5", "Double,0,1e-11", "Double,3,1e-11", "Float,3,1e-5", "Double,40,1e-11"})
    void takesThePlainWayWhereTheFastOneIsNot(ScalarType type, int damping, double bound) {
        DilationPattern pattern = DilationPattern.parse("20:1,77:3,300:7");
        AttentionSpec spec =
                AttentionSpec.of(pattern, true, 10).withDamping(damping == 0 ? null : new Rotary(10, 10_000, damping));
        ShardedCase inputs = inputs(damping, type, spec, 2, 283, 6, 3, 10);
        SequenceShards shards = SequenceShards.of(pattern, 283, 3);
        check(inputs, shards, AttentionKernel.AUTO, bound, bound, bound);
    }

    /** Belongs to the test's scope. */
    private ShardedCase inputs(
            int seed, ScalarType type, AttentionSpec spec, int batch, int length, int heads, int kvHeads, int dim) {
        Compute.seed(seed);
        Tensor packed = HopperCase.packed(gpu, type, batch, length, heads + 2L * kvHeads, dim);
        PackedAttention.Parts parts = PackedAttention.Parts.of(packed, heads);
        Tensor dout = HopperCase.packed(gpu, type, batch, length, heads, dim);
        return new ShardedCase(parts.q(), parts.k(), parts.v(), dout, spec);
    }

    private void check(
            ShardedCase inputs,
            SequenceShards shards,
            AttentionKernel kernel,
            double outBound,
            double gradientBound,
            double lseBound) {
        try (Scope scope = new Scope()) {
            ScalarType wide = ScalarType.Double;
            ShardedCase.Answers want = new ShardedCase(
                            inputs.q().to(wide),
                            inputs.k().to(wide),
                            inputs.v().to(wide),
                            inputs.dout().to(wide),
                            inputs.spec())
                    .whole(AttentionKernel.REFERENCE);
            TestDevice.poison(gpu, 8 << 20);
            ShardedCase.Answers got = inputs.over(shards, kernel);
            String what = "%s Hk=%d %s %s over %s"
                    .formatted(
                            Arrays.toString(Tensors.shape(inputs.q())),
                            inputs.k().size(2),
                            Tensors.type(inputs.q()),
                            inputs.spec(),
                            shards);
            assertThat(error(got.out(), want.out())).as("out, " + what).isLessThan(outBound);
            assertThat(error(finite(got.lse()), finite(want.lse())))
                    .as("lse, " + what)
                    .isLessThan(lseBound);
            assertThat(error(got.dq(), want.dq())).as("dq, " + what).isLessThan(gradientBound);
            assertThat(error(got.dk(), want.dk())).as("dk, " + what).isLessThan(gradientBound);
            assertThat(error(got.dv(), want.dv())).as("dv, " + what).isLessThan(gradientBound);
        }
    }

    /** Relative, but of answers that are all but zero, such as a gradient of scores with one key, absolute. */
    private static double error(Tensor got, Tensor want) {
        double difference = Tensors.item(got.to(ScalarType.Double).sub(want).norm());
        return difference / Math.max(Tensors.item(want.norm()), 1e-2 * Math.sqrt(want.numel()));
    }

    private static Tensor finite(Tensor lse) {
        return lse.masked_fill(lse.isinf(), new Scalar(-30.0));
    }
}
