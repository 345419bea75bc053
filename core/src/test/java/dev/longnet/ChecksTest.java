package dev.longnet;

import static dev.longnet.Checks.requireArgument;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ChecksTest {
    @Test
    void aBrokenRuleIsAnArgumentThatIsInvalid() {
        requireArgument(true, "%d", "no number");
        assertThatThrownBy(() -> requireArgument(false, "steps must be positive, got %d", -3))
                .isInstanceOf(InvalidArgumentException.class)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("steps must be positive, got -3");
    }

    @Test
    void aMessageWithoutValuesIsTakenAsItIs() {
        assertThatThrownBy(() -> requireArgument(false, "100 % of it")).hasMessage("100 % of it");
        Exception cause = new ArithmeticException();
        assertThat(new InvalidArgumentException(cause, "0.5 is %.1f", 0.5))
                .hasMessage("0.5 is 0.5")
                .hasCause(cause);
    }
}
