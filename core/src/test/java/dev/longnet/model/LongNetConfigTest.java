package dev.longnet.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.config.Configs;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LongNetConfigTest {
    private static LongNetConfig with(String... settings) {
        return Configs.with(LongNetConfig.defaults(), settings);
    }

    @Test
    void derivesHeadsAndKeepsTheRestWhenTheVocabularyIsSet() {
        LongNetConfig config = with("embedding=30", "heads=15", "keyValueHeads=5");
        assertThat(config.headDim()).isEqualTo(2);
        assertThat(config.withVocabulary(257))
                .isEqualTo(with("vocabulary=257", "embedding=30", "heads=15", "keyValueHeads=5"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "embedding=250|embedding 250 is not a multiple of heads 4; use embedding 248 or 252, or heads that divide it",
                "embedding=3|embedding 3 is not a multiple of heads 4; use embedding 4, or heads that divide it",
                "embedding=12|positions xpos turns pairs of features but a head has 3 (embedding 12 / heads 4); use embedding 8 or 16",
                "keyValueHeads=3|heads 4 is not a multiple of keyValueHeads 3; use keyValueHeads 4 (one for each head) or a divisor",
                "causal=false|positions xpos dampens with distance to the past and needs causal true; use rotary or none otherwise",
                "layers=0|layers must be positive, got 0",
                "heads=-1|heads must be positive, got -1",
                "vocabulary=-1|vocabulary must be 0 (from the tokenizer) or more, got -1",
                "dropout=1|dropout must be at least 0 and below 1, got 1.0",
                "rotaryBase=1|rotaryBase must be a finite number above 1, got 1.0",
                "normEpsilon=0|normEpsilon must be above 0 and below 1, got 0.0",
            })
    void refusesShapesThatCannotBe(String setting, String message) {
        assertThatThrownBy(() -> with(setting))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void oddHeadsNeedNoPositions() {
        assertThat(with("embedding=12", "positions=none").headDim()).isEqualTo(3);
        assertThat(with("causal=false", "positions=rotary").causal()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "keyValueHeads=1",
                "tiedEmbeddings=false",
                "norm=prenorm",
                "layers=3",
                "feedForward=31",
                "positions=none"
            })
    void parametersAreCountedFromTheConfiguration(String setting) {
        LongNetConfig config = Configs.with(
                Configs.with(LongNetConfig.defaults(), "vocabulary=37", "embedding=20", "heads=2", "keyValueHeads=2"),
                setting);
        try (Scope scope = new Scope()) {
            assertThat(config.parameterCount()).isEqualTo(Parameters.count(new LongNetDecoder(config)));
        }
    }

    @Test
    void aSizeThatNoMachineHoldsIsCountedToo() {
        LongNetConfig huge = Configs.with(
                LongNetConfig.defaults(),
                "embedding=" + (1 << 30),
                "feedForward=" + Integer.MAX_VALUE,
                "layers=1000000");
        assertThat(huge.parameterCount()).isEqualTo(Long.MAX_VALUE);
        assertThatThrownBy(() -> new LongNetDecoder(huge.withVocabulary(7)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1000000 layers and 7 tokens needs about 32 EiB of memory and this machine has");
    }
}
