package dev.longnet.app.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AxisTest {
    private static List<String> labels(Axis axis) {
        return axis.ticks().stream().map(tick -> axis.label().apply(tick)).toList();
    }

    private static Axis axis(Axis.Kind kind, double... values) {
        return Axis.of(kind, values);
    }

    @Test
    void ticksAtRoundNumbersAroundTheValues() {
        assertThat(labels(axis(Axis.Kind.LINEAR, 1.37, 6.28))).containsExactly("1", "2", "3", "4", "5", "6", "7");
        assertThat(labels(axis(Axis.Kind.LINEAR, 0.61, 0.68))).containsExactly("0.60", "0.62", "0.64", "0.66", "0.68");
        assertThat(labels(axis(Axis.Kind.LINEAR, -3, 4))).containsExactly("-4", "-2", "0", "2", "4");
        assertThat(labels(axis(Axis.Kind.FROM_ZERO, 8200, 7900)))
                .containsExactly("0", "2,000", "4,000", "6,000", "8,000", "10,000");
        assertThat(labels(axis(Axis.Kind.FROM_ZERO, 3e-5))).contains("0", "1e-5", "3e-5");
    }

    @Test
    void countsWholeStepsFromTheFirstToTheLast() {
        Axis axis = axis(Axis.Kind.STEPS, 1, 1200);
        assertThat(axis.low()).isEqualTo(1);
        assertThat(axis.high()).isEqualTo(1200);
        assertThat(labels(axis)).containsExactly("400", "800", "1,200");
        assertThat(axis.place(1200)).isEqualTo(1);
        assertThat(labels(axis(Axis.Kind.STEPS, 1, 2))).containsExactly("1", "2");
        assertThat(labels(axis(Axis.Kind.STEPS, 3, 3))).containsExactly("3");
        assertThat(labels(axis(Axis.Kind.STEPS, 100, 300_000))).containsExactly("100K", "200K", "300K");
    }

    @Test
    void doublesTokens() {
        Axis axis = axis(Axis.Kind.TOKENS, 512, 3000, 32768);
        assertThat(labels(axis)).containsExactly("512", "1K", "2K", "4K", "8K", "16K", "32K");
        assertThat(axis.place(512)).isZero();
        assertThat(axis.place(4096)).isCloseTo(0.5, Offset.offset(1e-12));
        assertThat(axis.place(0)).isNaN();
    }

    @Test
    void leavesOutTicksThatWouldTouch() {
        assertThat(labels(axis(Axis.Kind.TOKENS, 1, 1 << 20)))
                .hasSizeBetween(4, 8)
                .endsWith("1M");
    }

    @Test
    void spansRatios() {
        assertThat(labels(axis(Axis.Kind.LOGARITHMIC, 3, 60))).containsExactly("5", "10", "20", "50");
    }

    @ParameterizedTest
    @EnumSource(Axis.Kind.class)
    void givesOneValueOrNoneAPlace(Axis.Kind kind) {
        Axis one = axis(kind, 7, Double.NaN, Double.POSITIVE_INFINITY);
        assertThat(one.place(7)).isBetween(0.0, 1.0);
        assertThat(one.low()).isLessThan(one.high());
        Axis none = axis(kind);
        assertThat(none.low()).isLessThan(none.high());
        Axis zero = axis(kind, 0, 0);
        assertThat(zero.low()).isLessThan(zero.high());
    }
}
