package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Norms with what goes before them, forward and backward, against libtorch's own in float64. */
class RowNormTest {
    /** Rounding once to bfloat16 moves a number by 2^-9 at most, 2^-10.6 on average. */
    private static final double ROUNDING = 2.5e-3;

    private static LayerNorm norm(int width, Device device) {
        LayerNorm norm = new LayerNorm(width, 1e-5);
        try (var off = Gradient.off()) {
            norm.weight().add_(randn(width), new Scalar(0.3));
            norm.bias().add_(randn(width), new Scalar(0.3));
        }
        norm.to(device, false);
        return norm;
    }

    private static Tensor randn(long... shape) {
        return Tensors.randn(Tensors.options(ScalarType.Float, Tensors.cpu()), shape);
    }

    private static Tensor leaf(Tensor values) {
        return TestDevice.wide(values).set_requires_grad(true);
    }

    @ParameterizedTest
    @CsvSource({
        "cpu,5,24,NONE,false",
        "cpu,7,24,NONE,true",
        "cpu,3,20,GELU,false",
        "cpu,4,12,RELU,false",
        "cpu,4,12,SILU,false",
        "cuda,4099,768,NONE,false",
        "cuda,4099,768,NONE,true",
        "cuda,2051,3072,GELU,false",
        "cuda,1,768,NONE,true",
        "cuda,1000,3072,RELU,false",
        "cuda,777,3072,SILU,false",
        "cuda,333,8,NONE,true",
        "cuda,333,8,GELU,false",
        "cuda,129,264,NONE,true",
        "cuda,129,1000,GELU,false",
        "cuda,65,4096,NONE,false",
        "cuda,65,6144,NONE,true",
        "cuda,65,8192,GELU,false",
        "cuda,65,8192,NONE,true",
        "cuda,65,8200,GELU,false",
        "cuda,65,20,NONE,true",
        "cuda,200001,256,GELU,false"
    })
    void isTheNormAndItsGradient(String device, int rows, int width, Activation activation, boolean residual) {
        try (Scope scope = new Scope()) {
            Compute.seed(rows + width);
            Device place = TestDevice.of(device);
            LayerNorm norm = norm(width, place);
            RowNorm ours = new RowNorm(norm, activation);
            Tensor x = TestDevice.bfloat16(place, rows, width).add_(new Scalar(0.5));
            Tensor y = residual ? TestDevice.bfloat16(place, rows, width) : null;
            Tensor dout = TestDevice.bfloat16(place, rows, width);
            Tensor passing = residual ? TestDevice.bfloat16(place, rows, width) : null;
            TestDevice.poison(place, 16L * rows * width);
            RowNorm.Result result = ours.forward(x, y);

            if (residual) {
                assertThat(Tensors.relativeError(
                                result.sum(), TestDevice.wide(x).add(TestDevice.wide(y))))
                        .isLessThan(ROUNDING);
            }
            // Both start from the rounded sum.
            Tensor input = leaf(result.sum()), weight = leaf(norm.weight()), bias = leaf(norm.bias());
            Tensor out = torch.layer_norm(
                    activation.forward(input),
                    new long[] {width},
                    new TensorOptional(weight),
                    new TensorOptional(bias),
                    1e-5,
                    true);
            assertThat(Tensors.relativeError(result.out(), out)).isLessThan(ROUNDING);

            Tensor before = Tensors.zeros(Tensors.options(ScalarType.Float, place), width)
                    .set_requires_grad(true);
            Tensor dx = Tensors.empty(Tensors.like(x), rows, width);
            boolean summed = residual || activation != Activation.NONE;
            ours.backward(
                    dx, dout, result.sum(), result.statistics(), passing, summed ? new MasterWeights(before) : null);
            Gradient.backward(out, TestDevice.wide(dout));
            Tensor expected = residual ? input.grad().add(TestDevice.wide(passing)) : input.grad();
            assertThat(Tensors.relativeError(dx, expected)).isLessThan(ROUNDING);
            assertThat(Tensors.relativeError(norm.weight().grad(), weight.grad()))
                    .isLessThan(1e-4);
            assertThat(Tensors.relativeError(norm.bias().grad(), bias.grad())).isLessThan(1e-4);
            if (summed) {
                Tensor third = residual ? TestDevice.wide(passing) : input.grad();
                assertThat(Tensors.relativeError(before.grad(), third.sum(0))).isLessThan(1e-3);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"cuda,4099,768,NONE", "cuda,3001,3072,GELU"})
    void theSameInputGivesTheSameNumbers(String device, int rows, int width, Activation activation) {
        try (Scope scope = new Scope()) {
            Device place = TestDevice.of(device);
            LayerNorm norm = norm(width, place);
            RowNorm ours = new RowNorm(norm, activation);
            Tensor x = TestDevice.bfloat16(place, rows, width), dout = TestDevice.bfloat16(place, rows, width);
            float[] first = null;
            for (int run = 0; run < 3; run++) {
                RowNorm.Result result = ours.forward(x);
                Tensor dx = Tensors.empty(Tensors.like(x), rows, width);
                ours.backward(dx, dout, x, result.statistics(), null, null);
                float[] sums = Tensors.floats(norm.weight().grad());
                assertThat(first == null ? sums : first).isEqualTo(sums);
                first = sums;
                norm.weight().mutable_grad().reset();
                norm.bias().mutable_grad().reset();
            }
        }
    }
}
