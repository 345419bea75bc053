package dev.longnet.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Reads torchscale's own configuration, as its checkpoints come with, into ours. */
public final class TorchscaleConfig {
    private TorchscaleConfig() {}

    /**
     * @param json torchscale's arguments by name; those left out have torchscale's defaults
     * @param kind {@code decoder} or {@code encoder}
     */
    public static LongNetConfig of(JsonNode json, String kind) {
        boolean causal = !kind.equals("encoder");
        int heads = json.path(kind + "_attention_heads").asInt(12);
        boolean normalizeBefore = json.path(kind + "_normalize_before").asBoolean(true);
        if (!normalizeBefore) {
            throw new IllegalArgumentException(kind
                    + "_normalize_before false (post-norm) is not built here; only pre-norm and Sub-LN models are");
        }
        return new LongNetConfig(
                json.path("vocab_size").asInt(),
                json.path(kind + "_embed_dim").asInt(768),
                json.path(kind + "_layers").asInt(12),
                heads,
                heads,
                json.path(kind + "_ffn_embed_dim").asInt(3072),
                pattern(json),
                causal,
                json.path("xpos_rel_pos").asBoolean(false)
                        ? LongNetConfig.Positions.XPOS
                        : LongNetConfig.Positions.NONE,
                10_000,
                json.path("xpos_scale_base").asInt(512),
                json.path("subln").asBoolean(true) ? LongNetConfig.Norm.SUBLN : LongNetConfig.Norm.PRENORM,
                LongNetConfig.Activation.valueOf(
                        json.path("activation_fn").asText("gelu").toUpperCase(Locale.ROOT)),
                json.path("share_decoder_input_output_embed").asBoolean(false),
                !json.path("no_scale_embedding").asBoolean(true),
                json.path("dropout").asDouble(0),
                json.path("layernorm_eps").asDouble(1e-5));
    }

    private static DilationPattern pattern(JsonNode json) {
        long[] segments = numbers(json.path("segment_length"));
        long[] ratios = numbers(json.path("dilated_ratio"));
        List<Branch> branches = new ArrayList<>();
        for (int i = 0; i < segments.length; i++) {
            branches.add(new Branch(segments[i], Math.toIntExact(ratios[i])));
        }
        return new DilationPattern(branches);
    }

    /** A list, or as torchscale also writes it a list in a string: "[16, 64]". */
    private static long[] numbers(JsonNode node) {
        String text = node.isTextual() ? node.asText() : node.toString();
        return Arrays.stream(text.replaceAll("[\\[\\]\\s]", "").split(","))
                .mapToLong(Long::parseLong)
                .toArray();
    }
}
