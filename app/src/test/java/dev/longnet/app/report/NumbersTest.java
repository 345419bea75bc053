package dev.longnet.app.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NumbersTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0", "7, 7", "0.000123, 0.000123", "0.00003, 3e-5", "-0.5, -0.5", "9999, 9999", "9999.4, 9999",
        "12345, 12.3K", "999499, 999K", "999500, 1M", "3345920, 3.35M", "1.5e9, 1.5B", "NaN, –", "Infinity, –"
    })
    void areCompact(double number, String text) {
        assertThat(Numbers.compact(number)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"512, 512", "1024, 1K", "8192, 8K", "1048576, 1M", "3000, '3,000'", "1536, '1,536'", "0, 0"})
    void nameContextLengths(double number, String text) {
        assertThat(Numbers.tokens(number)).isEqualTo(text);
    }

    @Test
    void keepTheirDigits() {
        assertThat(Numbers.fixed(12345.678, 2)).isEqualTo("12,345.68");
        assertThat(Numbers.fixed(Double.NaN, 2)).isEqualTo(Numbers.UNKNOWN);
    }
}
