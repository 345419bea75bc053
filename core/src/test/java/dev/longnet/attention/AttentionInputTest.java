package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tensors that do not lie in memory as a projection leaves them, of any type, from any thread. */
class AttentionInputTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));
    private static final int B = 3, N = 29, H = 4, D = 6;

    /** (B, N, H, D) with strange strides. */
    private static Tensor strange(String kind) {
        return switch (kind) {
            case "lengthLast" -> Tensors.randn(F64, B, H, D, N).permute(0, 3, 1, 2);
            case "batchInside" -> Tensors.randn(F64, N, B, H, D).transpose(0, 1);
            case "headsOutside" -> Tensors.randn(F64, H, B, N, D).permute(1, 2, 0, 3);
            case "oneExampleForAll" -> Tensors.randn(F64, 1, N, H, D).expand(B, N, H, D);
            case "oneHeadForAll" -> Tensors.randn(F64, B, N, 1, D).expand(B, N, H, D);
            case "oneRowForAll" -> Tensors.randn(F64, B, 1, H, D).expand(B, N, H, D);
            case "oneNumberForAll" -> Tensors.randn(F64, 1, 1, 1, 1).expand(B, N, H, D);
            case "everyOtherFeature" -> Tensors.randn(F64, B, N, H, D, 2).select(4, 1);
            case "middleOfALonger" -> Tensors.randn(F64, B, N + 9, H, D).narrow(1, 4, N);
            default -> throw new AssertionError(kind);
        };
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "lengthLast",
                "batchInside",
                "headsOutside",
                "oneExampleForAll",
                "oneHeadForAll",
                "oneRowForAll",
                "oneNumberForAll",
                "everyOtherFeature",
                "middleOfALonger"
            })
    void stridesDoNotMatter(String kind) {
        for (String pattern : List.of("29:1", "8:1,13:3", "5:2")) {
            for (boolean causal : new boolean[] {true, false}) {
                AttentionSpec spec = AttentionSpec.of(DilationPattern.parse(pattern), causal, D);
                Compute.seed(4);
                try (Scope scope = new Scope()) {
                    Tensor[] inputs = {strange(kind), strange(kind), strange(kind)};
                    Tensor dout = strange(kind);
                    Tensor[] whole = new Tensor[3];
                    for (int i = 0; i < 3; i++) {
                        whole[i] = inputs[i].clone().contiguous();
                    }
                    List<Tensor> expected = answers(whole, dout.clone().contiguous(), spec, AttentionKernel.REFERENCE);
                    List<Tensor> got = answers(inputs, dout, spec, AttentionKernel.ATEN);
                    for (int i = 0; i < 4; i++) {
                        assertThat(Tensors.relativeError(got.get(i), expected.get(i)))
                                .as("%s %s answer %d", pattern, spec.causal(), i)
                                .isLessThan(1e-12);
                    }
                }
            }
        }
    }

    /** Output and gradients, as autograd finds them. */
    private static List<Tensor> answers(Tensor[] inputs, Tensor dout, AttentionSpec spec, AttentionKernel kernel) {
        Tensor[] leaves = new Tensor[3];
        for (int i = 0; i < 3; i++) {
            leaves[i] = inputs[i].detach().set_requires_grad(true);
        }
        Tensor out = Attention.attend(leaves[0], leaves[1], leaves[2], spec, kernel);
        out.mul(dout).sum().backward();
        return List.of(out, leaves[0].grad(), leaves[1].grad(), leaves[2].grad());
    }

    @Test
    void leavesWhatNeedsNoGradientWithoutOne() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("5:2"), true, D);
        try (Scope scope = new Scope()) {
            Tensor q = strange("batchInside"), v = strange("headsOutside").set_requires_grad(true);
            Attention.attend(q, q, v, spec, AttentionKernel.AUTO).sum().backward();
            assertThat(v.grad().defined()).isTrue();
            assertThat(q.grad().defined()).isFalse();
            assertThat(Attention.attend(q, q, q, spec, AttentionKernel.AUTO).requires_grad())
                    .isFalse();
        }
    }

    @Test
    void float16IsAsGoodAsItsRounding() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("16:1,64:4"), true, D);
        try (Scope scope = new Scope()) {
            Tensor q = strange("batchInside").to(ScalarType.Half);
            Tensor wide = q.to(ScalarType.Double);
            Tensor exact = Attention.attend(wide, wide, wide, spec, AttentionKernel.REFERENCE);
            for (AttentionKernel kernel : List.of(AttentionKernel.REFERENCE, AttentionKernel.ATEN)) {
                Tensor leaf = q.detach().set_requires_grad(true);
                Tensor out = Attention.attend(leaf, leaf, leaf, spec, kernel);
                assertThat(Tensors.type(out)).isEqualTo(ScalarType.Half);
                assertThat(Tensors.relativeError(out, exact)).isLessThan(5e-4);
                out.sum().backward();
                assertThat(Tensors.type(leaf.grad())).isEqualTo(ScalarType.Half);
            }
        }
    }

    @Test
    void wrongInputIsNamed() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("5:2"), true, D);
        try (Scope scope = new Scope()) {
            Tensor q = strange("batchInside");
            for (ScalarType type : new ScalarType[] {ScalarType.Long, ScalarType.Bool, ScalarType.ComplexDouble}) {
                Tensor other = q.to(type);
                assertThatThrownBy(() -> Attention.attend(other, other, other, spec, AttentionKernel.AUTO))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("attention takes float32, float64, bfloat16 or float16, got tensors of " + type);
            }
            Tensor none = q.narrow(2, 0, 0);
            assertThatThrownBy(() -> Attention.attend(q, none, none, spec, AttentionKernel.AUTO))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("q [3, 29, 4, 6] or k [3, 29, 0, 6] has an empty dimension");
            Tensor single = q.to(ScalarType.Float);
            assertThatThrownBy(() -> Attention.attend(q, single, single, spec, AttentionKernel.AUTO))
                    .hasMessage("q, k and v differ in type: Double, Float, Float");
        }
        assertThatThrownBy(() -> AttentionSpec.of(null, true, 4)).hasMessageContaining("pattern");
        assertThatThrownBy(() -> new AttentionSpec(DilationPattern.dense(4), true, Double.NaN, null, null, 0))
                .hasMessageContaining("NaN");
    }

    /** Scopes are of one thread: what one closes the other keeps. */
    @Test
    void threadsDoNotDisturbEachOther() throws Exception {
        int threads = 3;
        CountDownLatch together = new CountDownLatch(threads);
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("31:1,70:3"), true, D);
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<Callable<Double>> tasks = IntStream.range(0, threads)
                    .mapToObj(i -> (Callable<Double>) () -> {
                        double worst = 0;
                        try (Scope mine = new Scope()) {
                            Tensor q = Tensors.randn(F64, 2, 67 + i, H, D), dout = Tensors.randn(F64, 2, 67 + i, H, D);
                            Tensor[] inputs = {q, q, q};
                            List<Tensor> expected = answers(inputs, dout, spec, AttentionKernel.REFERENCE);
                            together.countDown();
                            together.await();
                            for (int n = 0; n < 40; n++) {
                                try (Scope step = new Scope()) {
                                    List<Tensor> got = answers(inputs, dout, spec, AttentionKernel.ATEN);
                                    for (int a = 0; a < 4; a++) {
                                        worst = Math.max(worst, Tensors.relativeError(got.get(a), expected.get(a)));
                                    }
                                }
                            }
                        }
                        return worst;
                    })
                    .toList();
            for (Future<Double> worst : executor.invokeAll(tasks)) {
                assertThat(worst.get()).isLessThan(1e-12);
            }
        } finally {
            executor.shutdown();
        }
    }
}
