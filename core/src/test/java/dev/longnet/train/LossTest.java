package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.config.Configs;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The loss in chunks against the loss of all logits at once, differentiated by libtorch. */
class LossTest {
    private static final int BATCH = 3, LENGTH = 37, VOCABULARY = 29;

    private Scope scope;
    private Tensor tokens;
    private Tensor targets;

    @BeforeEach
    void open() {
        scope = new Scope();
        long[] values = new Random(5).longs(BATCH * (LENGTH + 1), 0, VOCABULARY).toArray();
        Tensor rows = Tensors.of(values, Tensors.cpu(), BATCH, LENGTH + 1);
        tokens = rows.narrow(1, 0, LENGTH);
        targets = rows.narrow(1, 1, LENGTH);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private static LongNetDecoder model(boolean tied) {
        Compute.seed(7);
        return new LongNetDecoder(Configs.with(
                LongNetConfig.defaults(),
                "vocabulary=" + VOCABULARY,
                "embedding=16",
                "layers=2",
                "heads=2",
                "keyValueHeads=1",
                "feedForward=24",
                "pattern=8:1,24:3",
                "tiedEmbeddings=" + tied));
    }

    private static Map<String, Tensor> gradients(LongNetDecoder model) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        Parameters.of(model).forEach((name, p) -> gradients.put(name, p.grad().clone()));
        Parameters.of(model).values().forEach(p -> p.mutable_grad().reset());
        return gradients;
    }

    @ParameterizedTest
    @CsvSource({"1, true", "7, true", "7, false", "37, true", "110, false", "111, true", "5000, true"})
    void aChunkOfAnySizeGivesTheLossAndGradientOfTheWhole(int chunk, boolean tied) {
        LongNetDecoder model = model(tied);
        Execution plain = Execution.PLAIN;
        Tensor logits = model.logits(model.features(tokens, plain), plain);
        Tensor mean =
                Ops.times(Ops.crossEntropySum(logits.flatten(0, 1), targets.flatten(0, 1)), 1.0 / (BATCH * LENGTH));
        mean.backward();
        Map<String, Tensor> expected = gradients(model);

        Tensor features = model.features(tokens, plain);
        Tensor loss = Loss.backward(model, features, targets, 1, chunk, plain);
        assertThat(Tensors.item(loss)).isCloseTo(Tensors.item(mean), within(1e-5));
        gradients(model)
                .forEach((name, gradient) -> assertThat(Tensors.relativeError(gradient, expected.get(name)))
                        .as(name)
                        .isLessThan(2e-5));
    }

    @ParameterizedTest
    @CsvSource({"7, true", "37, false", "5000, true"})
    void featuresInBfloat16GiveTheSameButForRounding(int chunk, boolean tied) {
        LongNetDecoder model = model(tied);
        Tensor exact =
                Loss.backward(model, model.features(tokens, Execution.PLAIN), targets, 1, chunk, Execution.PLAIN);
        Map<String, Tensor> expected = gradients(model);
        Execution half = Execution.PLAIN.withNumbers(Execution.Numbers.BFLOAT16);
        Tensor features = model.features(tokens, half);
        Tensor loss = Loss.backward(model, features, targets, 1, chunk, half);
        assertThat(Tensors.type(loss)).isEqualTo(ScalarType.Float);
        assertThat(Tensors.item(loss)).isNotEqualTo(Tensors.item(exact)).isCloseTo(Tensors.item(exact), within(1e-2));
        gradients(model).forEach((name, gradient) -> {
            if (!name.contains("k_proj.bias")) { // zero but for rounding
                assertThat(Tensors.relativeError(gradient, expected.get(name)))
                        .as(name)
                        .isLessThan(5e-2);
            }
        });
        float[] losses = Loss.perToken(model, features, targets, chunk, half);
        double mean = 0;
        for (float each : losses) {
            mean += each / losses.length;
        }
        assertThat(mean).isCloseTo(Tensors.item(loss), within(1e-5));
    }

    @ParameterizedTest
    @CsvSource({"1", "10", "1000"})
    void theLossOfEachTokenIsItsOwn(int chunk) {
        LongNetDecoder model = model(true);
        Tensor features = model.features(tokens, Execution.PLAIN);
        float[] losses = Loss.perToken(model, features, targets, chunk, Execution.PLAIN);
        float[] logits = Tensors.floats(model.logits(features, Execution.PLAIN));
        long[] wanted = Tensors.longs(targets);
        assertThat(losses).hasSize(BATCH * LENGTH);
        for (int i = 0; i < losses.length; i++) {
            double sum = 0;
            for (int v = 0; v < VOCABULARY; v++) {
                sum += Math.exp(logits[i * VOCABULARY + v]);
            }
            double direct = Math.log(sum) - logits[i * VOCABULARY + (int) wanted[i]];
            assertThat((double) losses[i]).isCloseTo(direct, within(1e-5));
        }
    }

    @ParameterizedTest
    @CsvSource({"0.5", "3"})
    void theWeightScalesTheGradientAndNotTheLoss(double weight) {
        LongNetDecoder model = model(true);
        Tensor loss = Loss.backward(model, model.features(tokens, Execution.PLAIN), targets, 1, 16, Execution.PLAIN);
        Map<String, Tensor> expected = gradients(model);
        Tensor weighted =
                Loss.backward(model, model.features(tokens, Execution.PLAIN), targets, weight, 16, Execution.PLAIN);
        assertThat(Tensors.item(weighted)).isEqualTo(Tensors.item(loss));
        gradients(model)
                .forEach((name, gradient) -> assertThat(
                                Tensors.relativeError(gradient, Ops.times(expected.get(name), weight)))
                        .as(name)
                        .isLessThan(1e-6));
    }
}
