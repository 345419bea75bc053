package dev.longnet.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Reads torchscale's own configuration, as its checkpoints come with, into ours. */
public final class TorchscaleConfig {
    private TorchscaleConfig() {}

    /**
     * @param json torchscale's arguments by name; those left out have torchscale's defaults
     * @param kind {@code decoder} or {@code encoder}
     * @throws LongNetException if it describes no model that can be built here
     */
    public static LongNetConfig of(JsonNode json, String kind) {
        boolean normalizeBefore = json.path(kind + "_normalize_before").asBoolean(true);
        if (!normalizeBefore) {
            throw new LongNetException(
                    "%s_normalize_before is false (post-norm), which is not built here; use a pre-norm or Sub-LN model",
                    kind);
        }
        try {
            return config(json, kind);
        } catch (InvalidArgumentException e) {
            throw new LongNetException(e, "torchscale's configuration describes no model: %s", e.getMessage());
        }
    }

    private static LongNetConfig config(JsonNode json, String kind) {
        boolean causal = !kind.equals("encoder");
        int heads = size(json, kind + "_attention_heads", 12);
        return new LongNetConfig(
                size(json, "vocab_size", 0),
                size(json, kind + "_embed_dim", 768),
                size(json, kind + "_layers", 12),
                heads,
                heads,
                size(json, kind + "_ffn_embed_dim", 3072),
                pattern(json),
                causal,
                json.path("xpos_rel_pos").asBoolean(false)
                        ? LongNetConfig.Positions.XPOS
                        : LongNetConfig.Positions.NONE,
                10_000,
                size(json, "xpos_scale_base", 512),
                json.path("subln").asBoolean(true) ? LongNetConfig.Norm.SUBLN : LongNetConfig.Norm.PRENORM,
                activation(json.path("activation_fn").asText("gelu")),
                json.path("share_decoder_input_output_embed").asBoolean(false),
                !json.path("no_scale_embedding").asBoolean(true),
                json.path("dropout").asDouble(0),
                json.path("layernorm_eps").asDouble(1e-5));
    }

    /** A whole number that a Java int holds; what {@code otherwise} says where there is none. */
    private static int size(JsonNode json, String key, int otherwise) {
        JsonNode node = json.path(key);
        if (node.isMissingNode()) {
            return otherwise;
        }
        if (!node.isIntegralNumber() || !node.canConvertToInt()) {
            throw new LongNetException("%s must be a whole number below 2^31, got %s", key, node);
        }
        return node.intValue();
    }

    private static LongNetConfig.Activation activation(String name) {
        for (LongNetConfig.Activation activation : LongNetConfig.Activation.values()) {
            if (activation.name().equalsIgnoreCase(name)) {
                return activation;
            }
        }
        throw new LongNetException("activation_fn \"%s\" is not built here; gelu, relu and swish are", name);
    }

    private static DilationPattern pattern(JsonNode json) {
        long[] segments = numbers(json, "segment_length"), ratios = numbers(json, "dilated_ratio");
        if (segments.length != ratios.length) {
            throw new LongNetException(
                    "segment_length %s and dilated_ratio %s must be as long as each other, one number a branch",
                    Arrays.toString(segments), Arrays.toString(ratios));
        }
        List<Branch> branches = new ArrayList<>();
        for (int i = 0; i < segments.length; i++) {
            if (ratios[i] > Integer.MAX_VALUE) {
                throw new LongNetException("dilated_ratio %d is too large; use one below 2^31", ratios[i]);
            }
            branches.add(new Branch(segments[i], (int) ratios[i]));
        }
        return new DilationPattern(branches);
    }

    /** A list, or as torchscale also writes it a list in a string: "[16, 64]". */
    private static long[] numbers(JsonNode json, String key) {
        JsonNode node = json.path(key);
        String text = (node.isTextual() ? node.asText() : node.toString()).replaceAll("[\\[\\]\\s]", "");
        if (!text.matches("\\d{1,18}(,\\d{1,18})*")) {
            throw new LongNetException(
                    "%s must be a list of whole numbers such as [2048, 4096], got %s",
                    key, node.isMissingNode() ? "nothing" : node.toString());
        }
        return Arrays.stream(text.split(",")).mapToLong(Long::parseLong).toArray();
    }
}
