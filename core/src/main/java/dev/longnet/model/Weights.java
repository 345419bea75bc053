package dev.longnet.model;

import dev.longnet.LongNetException;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import dev.longnet.tensor.Tensors;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;

/** The weights of a model in safetensors files, under torchscale's names. */
public final class Weights {
    private static final String OUTPUT = "output_projection.weight";

    private Weights() {}

    /** Writes all parameters of a model. */
    public static void save(Module model, Path path, Map<String, String> metadata) {
        try (Scope scope = new Scope()) {
            TensorFile.save(path, metadata, Parameters.of(model));
        }
    }

    /**
     * Fills a model from a file, converting types where they differ.
     *
     * @throws LongNetException if a weight is missing, unknown or of another shape; the model is then unchanged
     */
    public static void load(Module model, Path path) {
        try (Scope scope = new Scope()) {
            copy(model, TensorFile.load(path), path.toString());
        }
    }

    /**
     * Fills a model from tensors by name. What torchscale keeps beside the weights is passed over: the table of xPos and
     * a tied output projection; a leading {@code encoder.} or {@code decoder.} is taken off.
     *
     * @param source what to call the tensors in messages
     */
    public static void copy(Module model, Map<String, Tensor> tensors, String source) {
        Map<String, Tensor> parameters = Parameters.of(model);
        Map<String, Tensor> given = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            String plain =
                    name.replaceFirst("^(encoder|decoder)\\.(?=layers\\.|layer_norm\\.|embed_tokens\\.|output_)", "");
            if (!plain.endsWith(".xpos.scale")) {
                given.put(plain, tensor);
            }
        });
        passOverOutput(model, given, source);
        TreeSet<String> missing = new TreeSet<>(parameters.keySet());
        missing.removeAll(given.keySet());
        TreeSet<String> unknown = new TreeSet<>(given.keySet());
        unknown.removeAll(parameters.keySet());
        if (!missing.isEmpty() || !unknown.isEmpty()) {
            throw new LongNetException(
                    "%s holds the weights of another model: %s; use the configuration that the weights were made with",
                    source,
                    missing.isEmpty()
                            ? "this one has no " + unknown.first() + more(unknown)
                            : "it has no " + missing.first() + more(missing));
        }
        parameters.forEach((name, parameter) -> {
            long[] wanted = Tensors.shape(parameter), found = Tensors.shape(given.get(name));
            if (!Arrays.equals(wanted, found)) {
                throw new LongNetException(
                        "%s holds the weights of another model: %s is %s there and %s here; use the configuration that"
                                + " the weights were made with",
                        source, name, Arrays.toString(found), Arrays.toString(wanted));
            }
        });
        try (var off = Gradient.off()) {
            parameters.forEach((name, parameter) -> parameter.copy_(given.get(name)));
        }
    }

    /**
     * Takes off an output projection that the model has no place for: an encoder needs none, and that of a tied decoder
     * may only repeat the embedding.
     */
    private static void passOverOutput(Module model, Map<String, Tensor> given, String source) {
        boolean decoder = model instanceof LongNetDecoder;
        if (decoder && !((LongNetDecoder) model).config().tiedEmbeddings()) {
            return;
        }
        Tensor output = given.remove(OUTPUT), embedding = given.get("embed_tokens.weight");
        if (decoder && output != null && embedding != null && !output.equal(embedding)) {
            throw new LongNetException(
                    "%s holds the weights of another model: its %s is not its embedding, but this model ties the two;"
                            + " use tiedEmbeddings=false",
                    source, OUTPUT);
        }
    }

    private static String more(TreeSet<String> names) {
        return names.size() == 1 ? "" : " (and " + (names.size() - 1) + " more)";
    }
}
