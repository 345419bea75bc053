package dev.longnet.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizesTest {
    @ParameterizedTest
    @CsvSource({
        "0,0",
        "8192,8192",
        "8k,8192",
        "3M,3145728",
        "1g,1073741824",
        "1B,1000000000",
        "1_000,1000",
        "-2k,-2048",
        "' 7 ',7"
    })
    void readsSuffixesAndUnderscores(String text, long number) {
        assertThat(Sizes.parse(text)).isEqualTo(number);
    }

    @ParameterizedTest
    @CsvSource({
        "0,0",
        "1000,1000",
        "1024,1k",
        "1536,1536",
        "8192,8k",
        "1048576,1m",
        "3221225472,3g",
        "2000000000,2b",
        "-2048,-2k"
    })
    void writesTheShortestExactForm(long number, String text) {
        assertThat(Sizes.format(number)).isEqualTo(text);
        assertThat(Sizes.parse(text)).isEqualTo(number);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "k", "8kb", "1.5k", "_1", "8 k", "0x10", "99999999999g", "99999999999999999999"})
    void refusesAnythingElse(String text) {
        assertThatThrownBy(() -> Sizes.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("\"" + text + "\" is ");
    }
}
