package dev.longnet.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import dev.longnet.tensor.Tensors;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights in files: they come back, and those of another model leave everything as it was. */
class WeightsTest {
    private static final TensorOptions F32 = Scope.own(Tensors.options(ScalarType.Float, Tensors.cpu()));

    @TempDir
    Path folder;

    private static Map<String, double[]> values(LongNet model) {
        Map<String, double[]> values = new TreeMap<>();
        Parameters.of(model).forEach((name, parameter) -> values.put(name, Tensors.doubles(parameter)));
        return values;
    }

    /** Another model of the same shape, with other values. */
    private static LongNetDecoder other(String... settings) {
        return new LongNetDecoder(Models.config(settings));
    }

    private static void assertSame(LongNet model, LongNet other) {
        Map<String, double[]> a = values(model), b = values(other);
        assertThat(b.keySet()).isEqualTo(a.keySet());
        a.forEach((name, value) -> assertThat(b.get(name)).as(name).isEqualTo(value));
    }

    @Test
    void comeBackAsTheyWere() {
        for (String tied : new String[] {"true", "false"}) {
            try (Scope scope = new Scope()) {
                LongNetDecoder model = Models.decoder(ScalarType.Float, "tiedEmbeddings=" + tied);
                Path file = folder.resolve(tied + ".safetensors");
                Weights.save(model, file, Map.of("note", "odd"));
                LongNetDecoder loaded = other("tiedEmbeddings=" + tied);
                assertThat(Tensors.relativeError(loaded.embedding(), model.embedding()))
                        .isGreaterThan(0.1);
                Weights.load(loaded, file);
                assertSame(model, loaded);
                Tensor tokens = Models.tokens(Models.text(17));
                assertThat(Tensors.doubles(loaded.forward(tokens))).isEqualTo(Tensors.doubles(model.forward(tokens)));
                assertThat(loaded.embedding().requires_grad()).isTrue();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = ScalarType.class,
            names = {"BFloat16", "Half", "Double"})
    void areConvertedToTheTypeOfTheModel(ScalarType type) {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(type);
            Path file = folder.resolve("w.safetensors");
            Weights.save(model, file, Map.of());
            assertThat(TensorFile.load(file).values()).allMatch(t -> Tensors.type(t) == type);
            LongNetDecoder loaded = other();
            Weights.load(loaded, file);
            assertThat(Tensors.type(loaded.embedding())).isEqualTo(ScalarType.Float);
            Parameters.of(model)
                    .forEach((name, parameter) -> assertThat(
                                    Tensors.doubles(Parameters.of(loaded).get(name)))
                            .as(name)
                            .isEqualTo(Tensors.doubles(parameter.to(ScalarType.Float))));
        }
    }

    /** Saves a model's weights after a change under a new name, and returns the file. */
    private Path changed(LongNet model, Consumer<Map<String, Tensor>> change) {
        Map<String, Tensor> tensors = new LinkedHashMap<>(Parameters.of(model));
        change.accept(tensors);
        Path file = folder.resolve("changed.safetensors");
        TensorFile.save(file, Map.of(), tensors);
        return file;
    }

    private static void prefix(Map<String, Tensor> tensors, String prefix) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> renamed.put(prefix + name, tensor));
        tensors.clear();
        tensors.putAll(renamed);
    }

    @Test
    void ofTorchscaleAreReadWithTheirPrefixAndWhatStandsBesideThem() {
        for (String prefix : new String[] {"encoder.", "decoder."}) {
            try (Scope scope = new Scope()) {
                LongNetDecoder model = Models.decoder(ScalarType.Float);
                Path file = changed(model, tensors -> {
                    tensors.put("output_projection.weight", model.embedding());
                    tensors.put("layers.0.self_attn.xpos.scale", Tensors.zeros(F32, 2));
                    prefix(tensors, prefix);
                });
                LongNetDecoder loaded = other();
                Weights.load(loaded, file);
                assertSame(model, loaded);
            }
        }
    }

    @Test
    void ofAnotherModelAreRefusedInOneSentenceAndChangeNothing() {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Float);
            refused(
                    changed(model, t -> t.remove("layer_norm.bias")),
                    "it has no layer_norm.bias; use the configuration that the weights were made with");
            refused(
                    changed(model, t -> t.keySet().removeIf(name -> name.contains("layers.1.ffn"))),
                    "it has no layers.1.ffn.fc1.bias (and 5 more); use the configuration that the weights were made"
                            + " with");
            refused(
                    changed(model, t -> t.put("layers.2.ffn.fc1.bias", Tensors.zeros(F32, 20))),
                    "this one has no layers.2.ffn.fc1.bias; use the configuration that the weights were made with");
            refused(
                    changed(model, t -> t.put("layers.1.ffn.fc2.weight", Tensors.zeros(F32, 24, 21))),
                    "layers.1.ffn.fc2.weight is [24, 21] there and [24, 20] here; use the configuration that the"
                            + " weights were made with");
        }
    }

    @Test
    void thatAreTiedDoNotHideAnOutputOfTheirOwn() {
        try (Scope scope = new Scope()) {
            LongNetDecoder separate = Models.decoder(ScalarType.Float, "tiedEmbeddings=false");
            Path file = folder.resolve("separate.safetensors");
            Weights.save(separate, file, Map.of());
            refused(
                    file,
                    "its output_projection.weight is not its embedding, but this model ties the two; use"
                            + " tiedEmbeddings=false");
        }
    }

    private void refused(Path file, String reason) {
        try (Scope scope = new Scope()) {
            LongNetDecoder target = other();
            Map<String, double[]> before = values(target);
            assertThatThrownBy(() -> Weights.load(target, file))
                    .isInstanceOf(LongNetException.class)
                    .hasMessage(file + " holds the weights of another model: " + reason);
            values(target).forEach((name, value) -> assertThat(value).isEqualTo(before.get(name)));
        }
    }

    @Test
    void thatAreNoFileAreRefused() throws Exception {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = other();
            Path missing = folder.resolve("none.safetensors");
            assertThatThrownBy(() -> Weights.load(model, missing)).isInstanceOf(LongNetException.class);
            Path text = Files.writeString(folder.resolve("text.safetensors"), "these are no weights");
            assertThatThrownBy(() -> Weights.load(model, text)).isInstanceOf(LongNetException.class);
        }
    }
}
