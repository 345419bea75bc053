package dev.longnet.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.Rotary;
import dev.longnet.attention.RotaryTable;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A model in bfloat16, whose gradients are written out, against the same model in float32 under libtorch's autograd. */
class RowBlockTest {
    private static final Execution FLOAT32 = Execution.PLAIN;
    private static final Execution BFLOAT16 = FLOAT32.withNumbers(Execution.Numbers.BFLOAT16);

    private record Pass(double loss, Map<String, double[]> gradients) {}

    /** Loss and gradients of two texts of 29 tokens that predict their next. */
    private static Pass pass(LongNetDecoder model, Execution execution) {
        Compute.seed(5);
        try (Scope scope = new Scope()) {
            Device device = model.device();
            long[] text = Arrays.stream(Models.text(60)).asLongStream().toArray();
            Tensor rows = Tensors.of(text, device, 2, 30);
            Tensor features = model.features(rows.narrow(1, 0, 29), execution);
            Tensor logits = model.logits(features, execution).flatten(0, 1).to(ScalarType.Float);
            Tensor loss = Ops.crossEntropySum(logits, rows.narrow(1, 1, 29).flatten(0, 1));
            loss.backward();
            Map<String, double[]> gradients = new LinkedHashMap<>();
            Parameters.of(model).forEach((name, parameter) -> {
                gradients.put(name, Tensors.doubles(parameter.grad()));
                parameter.mutable_grad().reset();
            });
            return new Pass(Tensors.item(loss), gradients);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cpu,xpos,subln,gelu,true,6", "cpu,rotary,prenorm,relu,false,3", "cpu,none,subln,swish,false,2",
        "cpu,none,prenorm,gelu,true,1", "cuda,xpos,subln,gelu,true,6", "cuda,rotary,prenorm,relu,false,3",
        "cuda,none,subln,swish,false,2", "cuda,none,prenorm,gelu,true,1"
    })
    void isTheModelButForRounding(
            String device, String positions, String norm, String activation, boolean tied, int keyValueHeads) {
        try (Scope scope = new Scope()) {
            Device place = TestDevice.of(device);
            LongNetDecoder model = Models.decoder(
                    ScalarType.Float,
                    "embedding=48",
                    "feedForward=40",
                    "positions=" + positions,
                    "norm=" + norm,
                    "activation=" + activation,
                    "tiedEmbeddings=" + tied,
                    "scaleEmbedding=" + tied,
                    "keyValueHeads=" + keyValueHeads);
            model.to(place, false);
            Pass exact = pass(model, FLOAT32), rounded = pass(model, BFLOAT16);
            assertThat(rounded.loss).isNotEqualTo(exact.loss).isCloseTo(exact.loss, within(1e-2 * exact.loss));
            Pass products = pass(model, FLOAT32.withNumbers(Execution.Numbers.BFLOAT16_PRODUCTS));
            exact.gradients.forEach((name, gradient) -> {
                if (!name.contains("k_proj.bias")) { // zero but for rounding: a softmax does not feel a shift
                    assertThat(error(rounded.gradients.get(name), gradient))
                            .as(name)
                            .isLessThan(3e-2 + 2 * error(products.gradients.get(name), gradient));
                }
            });
        }
    }

    private static double error(double[] ours, double[] exact) {
        return Tensors.relativeError(Tensors.of(ours, Tensors.cpu()), Tensors.of(exact, Tensors.cpu()));
    }

    @ParameterizedTest
    @CsvSource({"cpu,0", "cpu,0.2", "cuda,0", "cuda,0.2"})
    void recomputationChangesNothing(String device, double dropout) {
        try (Scope scope = new Scope()) {
            Device place = TestDevice.of(device);
            LongNetDecoder model = Models.decoder(ScalarType.Float, "embedding=48", "layers=3", "dropout=" + dropout);
            model.to(place, false);
            Pass kept = pass(model, BFLOAT16.withDropout(true));
            for (Execution.Activations activations : Execution.Activations.values()) {
                Pass again = pass(model, BFLOAT16.withDropout(true).withActivations(activations));
                assertThat(again.loss).isEqualTo(kept.loss);
                kept.gradients.forEach((name, gradient) -> assertThat(again.gradients.get(name))
                        .as(activations + " " + name)
                        .isEqualTo(gradient));
            }
            if (dropout > 0) {
                assertThat(pass(model, BFLOAT16).loss).isNotCloseTo(kept.loss, within(1e-3));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda"})
    void withoutAGradientTheFeaturesAreTheSame(String device) {
        try (Scope scope = new Scope()) {
            Device place = TestDevice.of(device);
            LongNetDecoder model = Models.decoder(ScalarType.Float);
            model.to(place, false);
            Tensor tokens = Models.tokens(Models.text(31)).to(place, ScalarType.Long);
            Tensor recorded = model.features(tokens, BFLOAT16);
            assertThat(Tensors.type(recorded)).isEqualTo(ScalarType.BFloat16);
            try (var off = Gradient.off()) {
                Tensor plain = model.features(tokens, BFLOAT16);
                assertThat(plain.requires_grad()).isFalse();
                assertThat(Tensors.floats(plain)).isEqualTo(Tensors.floats(recorded));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"cpu,0,1", "cpu,0,7", "cpu,0,64", "cpu,0.3,7", "cuda,0,7"})
    void rowsMayBeTakenInParts(String device, double dropout, long rowsAtOnce) {
        try (Scope scope = new Scope()) {
            Device place = TestDevice.of(device);
            Compute.seed(3);
            Block block = new Block(Models.config("embedding=48", "keyValueHeads=2"));
            block.to(place, false);
            RotaryTable rotary = new RotaryTable(new Rotary(8, 10_000, 16), 0, 29, ScalarType.Float, place);
            DilatedAttention.Call call =
                    new DilatedAttention.Call(AttentionKernel.of("auto"), true, new long[] {29, 17}, rotary, 0);
            Tensor x = TestDevice.bfloat16(place, 2, 29, 48), dy = TestDevice.bfloat16(place, 2, 29, 48);
            RowBlock whole = new RowBlock(block, 1000), parts = new RowBlock(block, rowsAtOnce);
            Tensor[] expected = run(whole, block, x, dy, call, 0, true);
            for (boolean keeps : new boolean[] {true, false}) {
                if (dropout == 0) {
                    Tensor[] found = run(parts, block, x, dy, call, 0, keeps);
                    for (int i = 0; i < found.length; i++) {
                        assertThat(Tensors.relativeError(found[i], expected[i])).isLessThan(i < 2 ? 2e-3 : 1e-4);
                    }
                } else {
                    Tensor[] first = run(parts, block, x, dy, call, dropout, true);
                    Tensor[] found = run(parts, block, x, dy, call, dropout, keeps);
                    for (int i = 0; i < found.length; i++) {
                        assertThat(Tensors.floats(found[i])).isEqualTo(Tensors.floats(first[i]));
                    }
                }
            }
        }
    }

    /** Result, gradient of x, gradients of the parameters. */
    private static Tensor[] run(
            RowBlock rows,
            Block block,
            Tensor x,
            Tensor dy,
            DilatedAttention.Call call,
            double dropout,
            boolean keeps) {
        Compute.seed(9);
        try (var off = Gradient.off();
                Scope scope = new Scope();
                KeptRows kept = new KeptRows()) {
            Tensor state = Compute.randomState(x.device());
            Tensor y = rows.forward(x, call, dropout, keeps ? kept : null);
            Tensor dx;
            try (var replayed = Compute.replay(state, x.device())) {
                dx = rows.backward(dy, x, call, dropout, keeps ? kept : null);
            }
            Map<String, Tensor> results = new LinkedHashMap<>();
            results.put("y", y);
            results.put("dx", dx);
            Parameters.of(block).forEach((name, parameter) -> {
                if (!name.contains("k_proj.bias")) {
                    results.put(name, parameter.grad().clone());
                }
                parameter.mutable_grad().reset();
            });
            return results.values().stream().map(scope::keep).toArray(Tensor[]::new);
        }
    }
}
