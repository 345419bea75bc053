package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MasterWeightsTest {
    private static Tensor parameter(Device device, long... shape) {
        return Tensors.randn(Tensors.options(ScalarType.Float, device), shape).set_requires_grad(true);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void theCopyFollowsTheParameters(String device) {
        try (Scope scope = new Scope();
                var off = Gradient.off()) {
            Device place = TestDevice.of(device);
            Tensor a = parameter(place, 3, 8), b = parameter(place, 5, 8);
            MasterWeights weights = new MasterWeights(a, b);
            Tensor rounded = weights.rounded();
            assertThat(Tensors.floats(rounded)).isEqualTo(expected(a, b));
            long version = rounded._version();
            assertThat(weights.rounded()._version()).as("nothing changed").isEqualTo(version);
            b.mul_(new Scalar(3.0));
            assertThat(Tensors.floats(weights.rounded())).isEqualTo(expected(a, b));
            Tensor means = Tensors.zeros(Tensors.like(a), 3, 8), squares = Tensors.zeros(Tensors.like(a), 3, 8);
            Aten.fusedAdamW(
                    new TensorVector(a),
                    new TensorVector(Tensors.full(1, Tensors.like(a), 3, 8)),
                    new TensorVector(means),
                    new TensorVector(squares),
                    new TensorVector(Tensors.full(1, Tensors.like(a))),
                    0.1,
                    0.9,
                    0.9,
                    0,
                    1e-8);
            assertThat(Tensors.floats(weights.rounded())).isEqualTo(expected(a, b));
            a.set_data(Tensors.zeros(Tensors.like(a), 3, 8));
            assertThat(Tensors.floats(weights.rounded())).isEqualTo(expected(a, b));
        }
    }

    private static float[] expected(Tensor a, Tensor b) {
        return Tensors.floats(Tensors.cat(0, a, b).to(ScalarType.BFloat16));
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void gradientsAddUpInFloat32AndLieTogether(String device) {
        try (Scope scope = new Scope();
                var off = Gradient.off()) {
            Device place = TestDevice.of(device);
            Tensor a = parameter(place, 16, 8), b = parameter(place, 8, 8);
            MasterWeights weights = new MasterWeights(a, b);
            Tensor dy = TestDevice.bfloat16(place, 40, 24), x = TestDevice.bfloat16(place, 40, 8);
            Tensor product = TestDevice.wide(dy).t().matmul(TestDevice.wide(x));
            weights.addProduct(dy, x);
            checkGradients(a, b, product);
            weights.addProduct(dy, x);
            checkGradients(a, b, Ops.times(product, 2));
            assertThat(b.grad().is_alias_of(a.grad())).isTrue();
            weights.addGradient(product.to(place, ScalarType.Float));
            checkGradients(a, b, Ops.times(product, 3));
            // Gradients that came in another way.
            a.mutable_grad().put(a.grad().clone());
            weights.addProduct(dy, x);
            checkGradients(a, b, Ops.times(product, 4));
            b.mutable_grad().reset();
            weights.addProduct(dy, x);
            assertThat(Tensors.relativeError(b.grad(), product.narrow(0, 16, 8)))
                    .isLessThan(1e-5);
            assertThat(Tensors.relativeError(a.grad(), Ops.times(product.narrow(0, 0, 16), 5)))
                    .isLessThan(1e-5);
        }
    }

    private static void checkGradients(Tensor a, Tensor b, Tensor product) {
        assertThat(Tensors.relativeError(Tensors.cat(0, a.grad(), b.grad()), product))
                .isLessThan(1e-5);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void vectorsAreOneVector(String device) {
        try (Scope scope = new Scope();
                var off = Gradient.off()) {
            Device place = TestDevice.of(device);
            Tensor a = parameter(place, 3), b = parameter(place, 5);
            MasterWeights weights = new MasterWeights(a, b);
            assertThat(Tensors.floats(weights.rounded())).isEqualTo(expected(a, b));
            Tensor gradient = Tensors.randn(Tensors.like(a), 8);
            weights.addGradient(gradient.clone());
            weights.addGradient(gradient);
            assertThat(Tensors.relativeError(Tensors.cat(0, a.grad(), b.grad()), Ops.times(gradient, 2)))
                    .isLessThan(1e-6);
        }
    }
}
