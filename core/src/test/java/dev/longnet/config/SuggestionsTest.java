package dev.longnet.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SuggestionsTest {
    @ParameterizedTest
    @CsvSource({"'','',0", "abc,abc,0", "abc,'',3", "trian,train,1", "kitten,sitting,3", "ab,ba,1", "abc,ca,3"})
    void countsEdits(String a, String b, int distance) {
        assertThat(Suggestions.distance(a, b)).isEqualTo(distance);
        assertThat(Suggestions.distance(b, a)).isEqualTo(distance);
    }

    @Test
    void findsTheNearestAndOnlyIfNear() {
        List<String> known = List.of("train", "eval", "generate", "keyValueHeads");
        assertThat(Suggestions.nearest("trian", known)).contains("train");
        assertThat(Suggestions.nearest("key_value_heads", known)).contains("keyValueHeads");
        assertThat(Suggestions.nearest("GENERAT", known)).contains("generate");
        assertThat(Suggestions.nearest("serve", known)).isEmpty();
        assertThat(Suggestions.nearest("x", List.of())).isEmpty();
    }
}
