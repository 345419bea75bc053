package dev.longnet.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Configurations as torchscale writes them. */
class TorchscaleConfigTest {
    private static LongNetConfig read(String json, String kind) throws Exception {
        return TorchscaleConfig.of(new ObjectMapper().readTree(json.replace('\'', '"')), kind);
    }

    @Test
    void areReadWithTheirDefaults() throws Exception {
        LongNetConfig config = read(
                "{'vocab_size': 64, 'segment_length': '[16, 64]', 'dilated_ratio': [1, 2], 'xpos_rel_pos': true,"
                        + " 'decoder_embed_dim': 48, 'decoder_attention_heads': 6, 'activation_fn': 'relu'}",
                "decoder");
        assertThat(config.pattern()).hasToString("16:1,64:2");
        assertThat(config.headDim()).isEqualTo(8);
        assertThat(config.layers()).isEqualTo(12);
        assertThat(config.causal()).isTrue();
        assertThat(config.activation()).isEqualTo(LongNetConfig.Activation.RELU);
        assertThat(config.positions()).isEqualTo(LongNetConfig.Positions.XPOS);
        assertThat(config.norm()).isEqualTo(LongNetConfig.Norm.SUBLN);
        LongNetConfig encoder =
                read("{'vocab_size': 64, 'segment_length': [8], 'dilated_ratio': [3], 'subln': false}", "encoder");
        assertThat(encoder.causal()).isFalse();
        assertThat(encoder.norm()).isEqualTo(LongNetConfig.Norm.PRENORM);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '^',
            value = {
                "{}|segment_length must be a list of whole numbers such as [2048, 4096], got nothing",
                "{'segment_length': [4], 'dilated_ratio': '[x]'}|dilated_ratio must be a list of whole numbers such as [2048, 4096], got \"[x]\"",
                "{'segment_length': [4, 8], 'dilated_ratio': [1]}|segment_length [4, 8] and dilated_ratio [1] must be as long as each other, one number a branch",
                "{'segment_length': [4], 'dilated_ratio': [1], 'activation_fn': 'mish'}|activation_fn \"mish\" is not built here; gelu, relu and swish are",
                "{'segment_length': [4], 'dilated_ratio': [2147483648]}|dilated_ratio 2147483648 is too large; use one below 2^31",
                "{'segment_length': [9999999999999999999], 'dilated_ratio': [1]}|segment_length must be a list of whole numbers such as [2048, 4096], got [9999999999999999999]",
                "{'segment_length': [4], 'dilated_ratio': [8]}|torchscale's configuration describes no model: dilation ratio 8 is larger than its segment 4, so some heads would see nothing; use a ratio up to 4",
                "{'segment_length': [4], 'dilated_ratio': [1], 'decoder_embed_dim': 4294967344}|decoder_embed_dim must be a whole number below 2^31, got 4294967344",
                "{'segment_length': [4], 'dilated_ratio': [1], 'vocab_size': 1e99}|vocab_size must be a whole number below 2^31, got 1.0E99",
                "{'segment_length': [4], 'dilated_ratio': [1], 'decoder_layers': 'many'}|decoder_layers must be a whole number below 2^31, got \"many\"",
                "{'segment_length': [4], 'dilated_ratio': [1], 'decoder_layers': -3}|torchscale's configuration describes no model: layers must be positive, got -3",
                "{'decoder_normalize_before': false}|decoder_normalize_before is false (post-norm), which is not built here; use a pre-norm or Sub-LN model",
            })
    void thatCannotBeBuiltAreNamed(String json, String message) {
        assertThatThrownBy(() -> read(json, "decoder"))
                .isInstanceOf(LongNetException.class)
                .hasMessage(message);
    }
}
