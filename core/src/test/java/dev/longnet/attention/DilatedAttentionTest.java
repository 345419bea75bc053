package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Dilated attention in the place of multi-head attention in somebody else's model. */
class DilatedAttentionTest {
    private static final TensorOptions F32 = Scope.own(Tensors.options(ScalarType.Float, Tensors.cpu()));

    /** A model written by hand: x + attention(x), then libtorch's own linear layer. */
    private static final class Handmade extends Module {
        final DilatedAttention attention;
        final LinearImpl head = register_module("head", new LinearImpl(15, 7));

        Handmade(DilatedAttention.Config config) {
            super("Handmade");
            attention = register_module("attention", new DilatedAttention(config));
        }

        Tensor forward(Tensor x, AttentionKernel kernel) {
            DilatedAttention.Call call = new DilatedAttention.Call(kernel, false, null, null, 0);
            return head.forward(x.add(attention.forward(x, x, x, call)));
        }
    }

    private static Map<String, double[]> gradients(Handmade model, Tensor x, AttentionKernel kernel) {
        model.forward(x, kernel).pow(new Scalar(2.0)).sum().backward();
        Map<String, double[]> gradients = new LinkedHashMap<>();
        Parameters.of(model).forEach((name, parameter) -> {
            gradients.put(name, Tensors.doubles(parameter.grad()));
            parameter.mutable_grad().reset();
        });
        return gradients;
    }

    @Test
    void autogradReachesAllParameters() {
        DilationPattern pattern = DilationPattern.parse("7:1,20:3");
        for (DilatedAttention.Config config : new DilatedAttention.Config[] {
            DilatedAttention.Config.of(15, 5, pattern, true),
            new DilatedAttention.Config(15, 5, 1, pattern, false, true, 1e-5)
        }) {
            Compute.seed(8);
            try (Scope scope = new Scope()) {
                Handmade model = new Handmade(config);
                model.to(ScalarType.Double, false);
                Tensor x = Tensors.randn(F32, 2, 33, 15).to(ScalarType.Double);
                Map<String, double[]> fast = gradients(model, x, AttentionKernel.ATEN);
                Map<String, double[]> plain = gradients(model, x, AttentionKernel.REFERENCE);
                assertThat(fast.keySet()).contains("head.weight", "attention.q_proj.weight", "attention.out_proj.bias");
                plain.forEach((name, gradient) -> {
                    Tensor a = Tensors.of(fast.get(name), Tensors.cpu()), b = Tensors.of(gradient, Tensors.cpu());
                    // The bias of the keys shifts all scores of a query alike: its gradient is 0 but for rounding.
                    double error =
                            name.endsWith("k_proj.bias") ? a.abs().max().item_double() : Tensors.relativeError(a, b);
                    assertThat(error).as(name).isLessThan(1e-11);
                });
            }
        }
    }

    @Test
    void hasTheNamesOfTorchscale() {
        try (Scope scope = new Scope()) {
            DilationPattern pattern = DilationPattern.parse("7:1");
            DilatedAttention plain = new DilatedAttention(DilatedAttention.Config.of(12, 3, pattern, true));
            assertThat(Parameters.of(plain).keySet())
                    .containsExactlyInAnyOrder(
                            "k_proj.weight",
                            "k_proj.bias",
                            "v_proj.weight",
                            "v_proj.bias",
                            "q_proj.weight",
                            "q_proj.bias",
                            "out_proj.weight",
                            "out_proj.bias");
            DilatedAttention normed =
                    new DilatedAttention(new DilatedAttention.Config(12, 6, 2, pattern, true, true, 1e-5));
            assertThat(Parameters.of(normed)).containsKeys("inner_attn_ln.weight", "inner_attn_ln.bias");
            assertThat(Tensors.shape(Parameters.of(normed).get("k_proj.weight")))
                    .containsExactly(4, 12);
            assertThat(Parameters.count(plain)).isEqualTo(4 * (12 * 12 + 12));
        }
    }

    @Test
    void separateInputsGiveWhatOneInputGives() {
        try (Scope scope = new Scope()) {
            DilatedAttention attention = new DilatedAttention(
                    new DilatedAttention.Config(12, 6, 3, DilationPattern.parse("7:1,20:4"), true, false, 1e-5));
            Tensor x = Tensors.randn(F32, 3, 23, 12);
            Tensor fused = attention.forward(x, x, x);
            assertThat(Tensors.relativeError(attention.forward(x, x.clone(), x), fused))
                    .isLessThan(1e-6);
            assertThat(Tensors.relativeError(attention.forward(x, x.clone(), x.clone()), fused))
                    .isLessThan(1e-6);
            Tensor other = Tensors.randn(F32, 3, 23, 12);
            assertThat(Tensors.relativeError(attention.forward(x, other, other), fused))
                    .isGreaterThan(0.1);
            assertThat(Tensors.relativeError(attention.forward(x, x, other), fused))
                    .isGreaterThan(0.1);
        }
    }

    @Test
    void changesItsTypeLikeAnyModule() {
        try (Scope scope = new Scope()) {
            DilatedAttention attention =
                    new DilatedAttention(DilatedAttention.Config.of(12, 3, DilationPattern.parse("7:2,9:1"), false));
            Tensor x = Tensors.randn(F32, 1, 31, 12);
            Tensor single = attention.forward(x, x, x);
            attention.to(ScalarType.Double, false);
            Tensor y = x.to(ScalarType.Double), wide = attention.forward(y, y, y);
            assertThat(Tensors.type(wide)).isEqualTo(ScalarType.Double);
            assertThat(Tensors.relativeError(single, wide)).isLessThan(1e-6);
        }
    }

    @Test
    void worksInAScopeOfJavaCppAlone() {
        try (PointerScope scope = new PointerScope()) {
            DilatedAttention attention =
                    new DilatedAttention(DilatedAttention.Config.of(12, 3, DilationPattern.parse("7:2,9:1"), false));
            Tensor x = Tensors.randn(F32, 1, 31, 12);
            Tensor y;
            try (PointerScope inner = new PointerScope()) {
                y = attention.forward(x, x, x).sum();
                scope.attach(y);
            }
            System.gc();
            y.backward();
            assertThat(attention.qProjection().weight().grad().norm().item_double())
                    .isPositive();
        }
    }

    @Test
    void wrongShapesAndSizesAreNamed() {
        DilationPattern pattern = DilationPattern.parse("7:1");
        assertThatThrownBy(() -> DilatedAttention.Config.of(13, 3, pattern, true))
                .hasMessage("embedding 13 is not a positive multiple of heads 3");
        assertThatThrownBy(() -> new DilatedAttention.Config(12, 3, 2, pattern, true, false, 1e-5))
                .hasMessage("heads 3 are not a positive multiple of key/value heads 2");
        assertThatThrownBy(() -> DilatedAttention.Config.of(12, 3, null, true)).hasMessageContaining("pattern");
        try (Scope scope = new Scope()) {
            DilatedAttention attention = new DilatedAttention(DilatedAttention.Config.of(12, 3, pattern, true));
            Tensor x = Tensors.randn(F32, 1, 5, 12), thin = Tensors.randn(F32, 1, 5, 11);
            assertThatThrownBy(() -> attention.forward(thin, thin, thin))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("attention of embedding 12 takes (B, N, 12), got [1, 5, 11]");
            assertThatThrownBy(() -> attention.forward(x, x, thin))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("attention of embedding 12 takes (B, N, 12), got [1, 5, 11]");
            Tensor wide = x.to(ScalarType.Double);
            assertThatThrownBy(() -> attention.forward(wide, wide, wide))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("Float")
                    .hasMessageContaining("Double");
            Tensor longer = Tensors.randn(F32, 1, 6, 12);
            assertThatThrownBy(() -> attention.forward(x, longer, longer))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("differ in batch, length");
        }
    }
}
