package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The fast kernel against the plain one, on shapes that nothing divides. */
class AttentionTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));

    static LongStream seeds() {
        return LongStream.range(0, 120);
    }

    /** One random case: odd lengths, ratios, heads, batches of unequal lengths. */
    @ParameterizedTest
    @MethodSource("seeds")
    void atenEqualsReference(long seed) {
        Random random = new Random(seed);
        int batch = 1 + random.nextInt(3), length = 1 + random.nextInt(90);
        int kvHeads = 1 + random.nextInt(4), heads = kvHeads * (1 + random.nextInt(3)), dim = 1 + random.nextInt(20);
        DilationPattern pattern = pattern(random);
        AttentionSpec spec = AttentionSpec.of(pattern, random.nextBoolean(), dim);
        if (random.nextInt(3) == 0) {
            long[] lengths = new long[batch];
            for (int b = 0; b < batch; b++) {
                lengths[b] = random.nextInt(length + 1);
            }
            spec = spec.withLengths(lengths);
        }
        if (random.nextBoolean()) {
            spec = spec.withStart(random.nextInt(200));
        }
        Compute.seed(seed);
        try (Scope scope = new Scope()) {
            // As a projection would give them: q, k and v side by side in one row.
            Tensor packed = Tensors.randn(F64, batch, length, heads + 2L * kvHeads, dim);
            Tensor q = packed.narrow(2, 0, heads);
            Tensor k = packed.narrow(2, heads, kvHeads);
            Tensor v = packed.narrow(2, heads + kvHeads, kvHeads);
            Tensor dout = Tensors.randn(F64, batch, length, heads, dim);
            AttentionKernel.Result plain = Attention.forward(q, k, v, spec, AttentionKernel.REFERENCE);
            AttentionKernel.Result fast = Attention.forward(q, k, v, spec, AttentionKernel.ATEN);
            String description = pattern + " B" + batch + " N" + length + " H" + heads + "/" + kvHeads + " " + spec;
            assertThat(Tensors.relativeError(fast.out(), plain.out()))
                    .as(description)
                    .isLessThan(1e-12);
            assertThat(Tensors.relativeError(finite(fast.lse()), finite(plain.lse())))
                    .as(description)
                    .isLessThan(1e-12);
            AttentionKernel.Gradients a =
                    AttentionKernel.REFERENCE.backward(dout, q, k, v, plain.out(), plain.lse(), spec);
            AttentionKernel.Gradients b = AttentionKernel.ATEN.backward(dout, q, k, v, fast.out(), fast.lse(), spec);
            assertThat(Tensors.relativeError(b.dq(), a.dq())).as(description).isLessThan(1e-11);
            assertThat(Tensors.relativeError(b.dk(), a.dk())).as(description).isLessThan(1e-11);
            assertThat(Tensors.relativeError(b.dv(), a.dv())).as(description).isLessThan(1e-12);
        }
    }

    /** −∞ where a query sees nothing; both kernels must have it in the same places. */
    private static Tensor finite(Tensor lse) {
        return lse.masked_fill(lse.isinf(), new Scalar(-1e3));
    }

    /** In any order; some branches twice. */
    private static DilationPattern pattern(Random random) {
        List<Branch> branches = new ArrayList<>();
        int count = 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            int segment = 1 + random.nextInt(60);
            Branch branch = new Branch(segment, 1 + random.nextInt(Math.min(segment, 9)));
            branches.addAll(Collections.nCopies(random.nextInt(5) == 0 ? 2 : 1, branch));
        }
        return new DilationPattern(branches);
    }

    @Test
    void autogradGivesTheDerivative() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("5:1,14:3"), true, 4);
        Compute.seed(1);
        for (AttentionKernel kernel : new AttentionKernel[] {AttentionKernel.REFERENCE, AttentionKernel.ATEN}) {
            try (Scope scope = new Scope()) {
                Tensor q = Tensors.randn(F64, 1, 13, 4, 4).set_requires_grad(true);
                Tensor k = Tensors.randn(F64, 1, 13, 2, 4).set_requires_grad(true);
                Tensor v = Tensors.randn(F64, 1, 13, 2, 4).set_requires_grad(true);
                Tensor dout = Tensors.randn(F64, 1, 13, 4, 4);
                Attention.attend(q, k, v, spec, kernel).mul(dout).sum().backward();
                for (Tensor input : new Tensor[] {q, k, v}) {
                    Tensor direction = Tensors.randn(F64, Tensors.shape(input));
                    double step = 1e-6, slope = 0;
                    for (int sign : new int[] {1, -1}) {
                        Tensor moved = input.detach().add(direction, new Scalar(sign * step));
                        Tensor out = Attention.forward(
                                        input == q ? moved : q,
                                        input == k ? moved : k,
                                        input == v ? moved : v,
                                        spec,
                                        kernel)
                                .out();
                        slope += sign * out.mul(dout).sum().item_double() / (2 * step);
                    }
                    double recorded = input.grad().mul(direction).sum().item_double();
                    assertThat(recorded)
                            .isCloseTo(slope, org.assertj.core.data.Offset.offset(1e-7 * (1 + Math.abs(slope))));
                }
            }
        }
    }

    @Test
    void bfloat16IsAsGoodAsItsRounding() {
        TensorOptions half = Tensors.options(ScalarType.BFloat16, Tensors.cpu());
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("16:1,64:4"), true, 16);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(half, 2, 101, 4, 16), k = Tensors.randn(half, 2, 101, 4, 16);
            Tensor exact = Attention.forward(
                            q.to(ScalarType.Double),
                            k.to(ScalarType.Double),
                            k.to(ScalarType.Double),
                            spec,
                            AttentionKernel.REFERENCE)
                    .out();
            for (AttentionKernel kernel : new AttentionKernel[] {AttentionKernel.REFERENCE, AttentionKernel.ATEN}) {
                Tensor out = Attention.forward(q, k, k, spec, kernel).out();
                assertThat(Tensors.type(out)).isEqualTo(ScalarType.BFloat16);
                assertThat(Tensors.relativeError(out, exact)).isLessThan(3e-3);
            }
        }
    }

    @Test
    void wrongShapesAreNamed() {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("4:1"), true, 8);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 1, 5, 4, 8), k = Tensors.randn(F64, 1, 5, 3, 8);
            assertThatThrownBy(() -> Attention.attend(q, k, k, spec, AttentionKernel.ATEN))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("4 query heads are not a multiple of 3 key/value heads");
            assertThatThrownBy(() -> Attention.attend(q, q, k, spec, AttentionKernel.ATEN))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> Attention.attend(q, q, q, spec.withLengths(6), AttentionKernel.ATEN))
                    .hasMessage("length 6 is outside 0 … N = 5");
            assertThatThrownBy(() -> AttentionKernel.of("hoper")).hasMessageContaining("auto, reference, aten, hopper");
        }
    }
}
