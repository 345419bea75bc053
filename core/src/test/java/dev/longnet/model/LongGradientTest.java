package dev.longnet.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.model.Execution.Activations;
import dev.longnet.model.Execution.Numbers;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.tensor.TestDevice;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** The ways in which long sequences are trained, where one is long and fits all of them. */
class LongGradientTest {
    private static final int LENGTH = 65_536;

    private static Map<String, Tensor> gradients(LongNetDecoder model, Tensor tokens, Execution execution) {
        Compute.seed(5);
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        try (Scope scope = new Scope()) {
            Tensor features = model.features(tokens.narrow(1, 0, LENGTH), execution);
            Tensor logits = model.logits(features, execution).flatten(0, 1).to(ScalarType.Float);
            Ops.crossEntropySum(logits, tokens.narrow(1, 1, LENGTH).flatten(0, 1))
                    .backward();
            Parameters.of(model).forEach((name, parameter) -> {
                gradients.put(name, scope.keep(parameter.grad().clone()));
                parameter.mutable_grad().reset();
            });
        }
        return gradients;
    }

    /** Activations in the host's memory change no bit; the model under autograd, in float32 but for products, agrees. */
    @Test
    void gradientsAreThoseOfThePlainPath() {
        Device gpu = TestDevice.hopper();
        Compute.deterministic(true);
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(
                    ScalarType.Float,
                    "embedding=768",
                    "layers=4",
                    "heads=12",
                    "keyValueHeads=12",
                    "feedForward=3072",
                    "pattern=2048:1,4096:2,8192:4,16384:6,32768:12",
                    "xposScaleBase=512");
            model.to(gpu, false);
            long[] text = Arrays.stream(Models.text(LENGTH + 1)).asLongStream().toArray();
            Tensor tokens = Tensors.of(text, gpu, 1, LENGTH + 1);
            Execution rows = Execution.PLAIN.withNumbers(Numbers.BFLOAT16);
            Map<String, Tensor> plain =
                    gradients(model, tokens, Execution.PLAIN.withNumbers(Numbers.BFLOAT16_PRODUCTS));
            Map<String, Tensor> kept = gradients(model, tokens, rows);
            for (Activations activations : new Activations[] {Activations.RECOMPUTED, Activations.OFFLOADED}) {
                gradients(model, tokens, rows.withActivations(activations))
                        .forEach((name, gradient) -> assertThat(gradient.equal(kept.get(name)))
                                .as(activations + " " + name)
                                .isTrue());
            }
            kept.forEach((name, gradient) -> {
                if (!name.contains("k_proj.bias")) { // zero but for rounding: a softmax does not feel a shift
                    assertThat(Tensors.relativeError(gradient, plain.get(name)))
                            .as(name)
                            .isLessThan(4e-2);
                }
            });
        } finally {
            Compute.deterministic(false);
        }
    }
}
