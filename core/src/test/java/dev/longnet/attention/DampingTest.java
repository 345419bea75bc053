package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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

/** xPos over stretches so long that its plain factors leave the range of float32. */
class DampingTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "700 2 500:1 4 4",
                "523 1 600:1,523:3 3 1",
                "401 1 333:2,77:5,401:1 6 2",
                "607 1 607:1 2 2",
                "300 1 101:7,300:4 5 5",
            })
    void atenEqualsReferenceWhereFactorsAloneOverflow(
            int length, int damping, String pattern, int heads, int keyValueHeads) {
        Rotary rotary = new Rotary(8, 10_000, damping);
        assertThat(rotary.longestDamped()).isLessThan(length);
        AttentionSpec spec =
                AttentionSpec.of(DilationPattern.parse(pattern), true, 8).withDamping(rotary);
        Compute.seed(length);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 2, length, heads, 8);
            Tensor k = Tensors.randn(F64, 2, length, keyValueHeads, 8);
            Tensor v = Tensors.randn(F64, 2, length, keyValueHeads, 8);
            Tensor dout = Tensors.randn(F64, 2, length, heads, 8);
            compare(q, k, v, dout, spec, 1e-12);
            ScalarType single = ScalarType.Float;
            compare(q.to(single), k.to(single), v.to(single), dout.to(single), spec, 2e-6);
            compare(q, k, v, dout, spec.withLengths(length - 5, length / 3), 1e-12);
        }
    }

    private static void compare(Tensor q, Tensor k, Tensor v, Tensor dout, AttentionSpec spec, double bound) {
        AttentionKernel plain = AttentionKernel.REFERENCE, fast = AttentionKernel.ATEN;
        AttentionKernel.Result a = Attention.forward(q, k, v, spec, plain);
        AttentionKernel.Result b = Attention.forward(q, k, v, spec, fast);
        assertThat(Tensors.relativeError(b.out(), a.out())).isLessThan(bound);
        assertThat(Tensors.relativeError(b.lse().exp(), a.lse().exp())).isLessThan(bound);
        AttentionKernel.Gradients ga = plain.backward(dout, q, k, v, a.out(), a.lse(), spec);
        AttentionKernel.Gradients gb = fast.backward(dout, q, k, v, b.out(), b.lse(), spec);
        assertThat(Tensors.relativeError(gb.dq(), ga.dq())).isLessThan(5 * bound);
        assertThat(Tensors.relativeError(gb.dk(), ga.dk())).isLessThan(5 * bound);
        assertThat(Tensors.relativeError(gb.dv(), ga.dv())).isLessThan(5 * bound);
    }

    @Test
    void isTheSameInTheTableAndInTheKernel() {
        Rotary damped = new Rotary(8, 10_000, 5), plain = new Rotary(8, 10_000, 0);
        int length = 57;
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("11:2,40:3,60:1"), true, 8);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 2, length, 4, 8), k = Tensors.randn(F64, 2, length, 2, 8);
            RotaryTable baked = new RotaryTable(damped, 3, length, ScalarType.Double, Tensors.cpu());
            RotaryTable turning = new RotaryTable(plain, 3, length, ScalarType.Double, Tensors.cpu());
            assertThat(baked.damping()).isNull();
            for (AttentionKernel kernel : new AttentionKernel[] {AttentionKernel.REFERENCE, AttentionKernel.ATEN}) {
                Tensor inTable = Attention.attend(baked.turnQueries(q), baked.turnKeys(k), k, spec, kernel);
                Tensor inKernel = Attention.attend(
                        turning.turnQueries(q), turning.turnKeys(k), k, spec.withDamping(damped), kernel);
                assertThat(Tensors.relativeError(inTable, inKernel)).isLessThan(1e-13);
            }
        }
    }

    /** Any length is damped in the table where blocks that nothing crosses are short enough. */
    @Test
    void isCountedFromBlocksThatNoSegmentCrosses() {
        Rotary damped = new Rotary(8, 10_000, 2), plain = new Rotary(8, 10_000, 0);
        int length = 1000;
        assertThat(damped.longestDamped()).isBetween(120L, (long) length / 2);
        DilationPattern pattern = DilationPattern.parse("30:1,120:2,60:3");
        AttentionSpec spec = AttentionSpec.of(pattern, true, 8);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 2, length, 4, 8), k = Tensors.randn(F64, 2, length, 2, 8);
            RotaryTable baked = new RotaryTable(
                    damped, Stretch.whole(length), length, pattern.enclosingBlock(), ScalarType.Double, Tensors.cpu());
            RotaryTable turning = new RotaryTable(plain, 3, length, ScalarType.Double, Tensors.cpu());
            assertThat(baked.damping()).isNull();
            Tensor inTable = Attention.attend(baked.turnQueries(q), baked.turnKeys(k), k, spec, AttentionKernel.ATEN);
            Tensor inKernel = Attention.attend(
                    turning.turnQueries(q),
                    turning.turnKeys(k),
                    k,
                    spec.withDamping(damped),
                    AttentionKernel.REFERENCE);
            assertThat(Tensors.relativeError(inTable, inKernel)).isLessThan(1e-12);
        }
        assertThat(DilationPattern.parse("30:1,100:2").enclosingBlock()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void longTablesLeaveItToTheKernel() {
        Rotary rotary = new Rotary(8, 10_000, 2);
        long longest = rotary.longestDamped();
        try (Scope scope = new Scope()) {
            assertThat(new RotaryTable(rotary, 0, longest, ScalarType.Float, Tensors.cpu()).damping())
                    .isNull();
            RotaryTable table = new RotaryTable(rotary, 0, longest + 1, ScalarType.Float, Tensors.cpu());
            assertThat(table.damping()).isEqualTo(rotary);
            for (Tensor part : new RotaryTable(rotary, 0, longest, ScalarType.Float, Tensors.cpu()).tensors()) {
                assertThat(part.abs().isfinite().all().item_bool()).isTrue();
                assertThat(Tensors.item(part.abs().min())).isGreaterThan(Float.MIN_NORMAL);
            }
        }
    }

    @Test
    void needsCausalAttention() {
        AttentionSpec both = AttentionSpec.of(DilationPattern.parse("4:1"), false, 8);
        assertThatThrownBy(() -> both.withDamping(new Rotary(8, 10_000, 4))).hasMessageContaining("causal");
    }
}
