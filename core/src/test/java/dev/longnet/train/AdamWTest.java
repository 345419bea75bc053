package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.config.Configs;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AdamWTest {
    private static final TensorOptions FLOAT = Tensors.options(ScalarType.Float, Tensors.cpu());

    private Scope scope;

    @BeforeEach
    void open() {
        scope = new Scope();
        Compute.seed(11);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static TrainConfig config(String... settings) {
        return Configs.with(TrainConfig.defaults(), settings);
    }

    private static Tensor leaf(Tensor values) {
        return values.detach().clone().set_requires_grad(true);
    }

    /** A matrix and a bias of odd sizes. */
    private static Map<String, Tensor> parameters() {
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        parameters.put("weight", leaf(Tensors.randn(FLOAT, 7, 5)));
        parameters.put("bias", leaf(Tensors.randn(FLOAT, 3)));
        return parameters;
    }

    private static void setGradient(Tensor parameter, Tensor gradient) {
        parameter.mutable_grad().put(gradient.clone());
    }

    @Test
    void stepsAsLibtorchsOwn() {
        TrainConfig config = config("beta1=0.9", "beta2=0.999", "epsilon=1e-6", "weightDecay=0.3");
        Map<String, Tensor> ours = parameters();
        Tensor weight = leaf(ours.get("weight")), bias = leaf(ours.get("bias"));
        try (AdamW adamW = new AdamW(ours, config)) {
            org.bytedeco.pytorch.AdamW matrices = theirs(weight, config, config.weightDecay());
            org.bytedeco.pytorch.AdamW vectors = theirs(bias, config, 0);
            for (int step = 1; step <= 10; step++) {
                double rate = 0.02 / step;
                Tensor forWeight = Tensors.randn(FLOAT, 7, 5), forBias = Tensors.randn(FLOAT, 3);
                setGradient(ours.get("weight"), forWeight);
                setGradient(ours.get("bias"), forBias);
                setGradient(weight, forWeight);
                setGradient(bias, forBias);
                adamW.step(rate);
                for (org.bytedeco.pytorch.AdamW optimizer : new org.bytedeco.pytorch.AdamW[] {matrices, vectors}) {
                    optimizer.param_groups().get(0).options().set_lr(rate);
                    optimizer.step();
                }
                assertThat(Tensors.relativeError(ours.get("weight"), weight)).isLessThan(1e-6);
                assertThat(Tensors.relativeError(ours.get("bias"), bias)).isLessThan(1e-6);
            }
        }
    }

    /** With its default betas, 0.9 and 0.999: how a std::tuple lies in memory differs between systems. */
    private static org.bytedeco.pytorch.AdamW theirs(Tensor parameter, TrainConfig config, double decay) {
        AdamWOptions options = new AdamWOptions(1.0);
        options.eps().put(config.epsilon());
        options.weight_decay().put(decay);
        return new org.bytedeco.pytorch.AdamW(new TensorVector(parameter), options);
    }

    @Test
    void matricesDecayAndVectorsDoNot() {
        Map<String, Tensor> parameters = parameters();
        Tensor weight = parameters.get("weight").detach().clone(),
                bias = parameters.get("bias").detach().clone();
        try (AdamW adamW = new AdamW(parameters, config("weightDecay=0.25"))) {
            parameters.values().forEach(p -> setGradient(p, p.detach().mul(new Scalar(0.0))));
            adamW.step(0.5);
        }
        assertThat(Tensors.relativeError(parameters.get("weight"), weight.mul(new Scalar(1 - 0.125))))
                .isLessThan(1e-6);
        assertThat(Tensors.floats(parameters.get("bias"))).isEqualTo(Tensors.floats(bias));
    }

    @Test
    void aStepClearsTheGradients() {
        Map<String, Tensor> parameters = parameters();
        try (AdamW adamW = new AdamW(parameters, config())) {
            parameters.values().forEach(p -> setGradient(p, Tensors.randn(FLOAT, Tensors.shape(p))));
            adamW.step(0.01);
        }
        assertThat(parameters.values()).noneMatch(p -> p.grad().defined());
    }

    /** @return norm of all gradients after clipping them to {@code clip} */
    private double clipped(double clip, double expectedNorm) {
        Map<String, Tensor> parameters = parameters();
        try (AdamW adamW = new AdamW(parameters, config("clip=" + clip))) {
            setGradient(parameters.get("weight"), Tensors.full(2, FLOAT, 7, 5));
            setGradient(parameters.get("bias"), Tensors.full(-3, FLOAT, 3));
            assertThat(Tensors.item(adamW.clip())).isCloseTo(expectedNorm, within(1e-5));
            try (var off = Gradient.off()) {
                double weight = Tensors.item(parameters.get("weight").grad().norm());
                double bias = Tensors.item(parameters.get("bias").grad().norm());
                assertThat(weight / bias).isCloseTo(2 * Math.sqrt(35) / (3 * Math.sqrt(3)), within(1e-5));
                return Math.hypot(weight, bias);
            }
        }
    }

    @Test
    void clippingScalesAllGradientsTogether() {
        double norm = Math.sqrt(4 * 35 + 9 * 3);
        assertThat(clipped(1.5, norm)).isCloseTo(1.5, within(1e-5));
        assertThat(clipped(20, norm)).as("short enough").isCloseTo(norm, within(1e-5));
        assertThat(clipped(0, norm)).as("turned off").isCloseTo(norm, within(1e-5));
    }

    @Test
    void theStateGoesOnInAnother() {
        Map<String, Tensor> first = parameters();
        Map<String, Tensor> second = new LinkedHashMap<>();
        try (AdamW one = new AdamW(first, config())) {
            for (int step = 0; step < 3; step++) {
                first.values().forEach(p -> setGradient(p, Tensors.randn(FLOAT, Tensors.shape(p))));
                one.step(0.01);
            }
            first.forEach((name, p) -> second.put(name, leaf(p)));
            try (AdamW two = new AdamW(second, config())) {
                two.restore(one.state());
                first.forEach((name, p) -> {
                    Tensor gradient = Tensors.randn(FLOAT, Tensors.shape(p));
                    setGradient(p, gradient);
                    setGradient(second.get(name), gradient);
                });
                one.step(0.01);
                two.step(0.01);
            }
        }
        first.forEach((name, p) -> assertThat(Tensors.floats(second.get(name))).isEqualTo(Tensors.floats(p)));
    }
}
