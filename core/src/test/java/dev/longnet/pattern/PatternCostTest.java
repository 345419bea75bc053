package dev.longnet.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.IntStream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PatternCostTest {
    @ParameterizedTest
    @MethodSource("dev.longnet.pattern.Shapes#all")
    void countsVisiblePairs(DilationPattern pattern, int length, int heads, boolean causal) {
        long pairs = 0;
        for (int head = 0; head < heads; head++) {
            for (int query = 0; query < length; query++) {
                for (int key = 0; key < length; key++) {
                    pairs += Shapes.count(pattern, query, key, head, heads, length, causal);
                }
            }
        }
        assertThat(pattern.visiblePairs(length, heads, causal)).isEqualTo(pairs);
        assertThat(pattern.flops(length, heads, 24, causal, false)).isEqualTo(4.0 * 24 * pairs);
        assertThat(pattern.flops(length, heads, 24, causal, true)).isEqualTo(3.5 * 4.0 * 24 * pairs);
    }

    @ParameterizedTest
    @MethodSource("dev.longnet.pattern.Shapes#all")
    void countsKeptRows(DilationPattern pattern, int length, int heads, boolean causal) {
        long all = 0;
        for (Branch branch : pattern.branches()) {
            for (int head = 0; head < heads; head++) {
                int row = head;
                long kept = IntStream.range(0, length)
                        .filter(position -> branch.covers(position, row, heads))
                        .count();
                assertThat(branch.keptRows(head, heads, length)).isEqualTo(kept);
                all += kept;
            }
        }
        assertThat(pattern.bytes(length, heads, 5, 2)).isEqualTo(4.0 * 5 * 2 * all);
    }

    @Test
    void agreesWithTheConventionOfTheFieldWhereNothingIsCausalOrCutShort() {
        DilationPattern pattern = DilationPattern.parse("2048:1,4096:2,8192:4,16384:4");
        assertThat(pattern.flops(1 << 17, 12, 64, false, false))
                .isEqualTo(pattern.nominalFlops(1 << 17, 12, 64, false, false));
        // A causal query sees itself too, so there are a little more than half of the pairs.
        assertThat(pattern.flops(1 << 17, 12, 64, true, true))
                .isGreaterThan(pattern.nominalFlops(1 << 17, 12, 64, true, true))
                .isCloseTo(pattern.nominalFlops(1 << 17, 12, 64, true, true), Percentage.withPercentage(0.1));
    }

    @Test
    void countsThePapersPatternByItsFormula() {
        double keys = 2048 + 4096 / 4.0 + 8192 / 16.0 + 16384 / 36.0 + 32768 / 144.0;
        assertThat(DilationPattern.PAPER.nominalFlops(32768, 12, 64, true, false))
                .isCloseTo(2.0 * 12 * 64 * 32768 * keys, Percentage.withPercentage(1e-9));
        assertThat(DilationPattern.PAPER.nominalFlops(1000, 12, 64, false, false))
                .isCloseTo(
                        4.0 * 12 * 64 * 1000 * 1000 * (1 + 1 / 4.0 + 1 / 16.0 + 1 / 36.0 + 1 / 144.0),
                        Percentage.withPercentage(1e-9));
    }

    @Test
    void isLinearInTheLength() {
        double one = DilationPattern.PAPER.visiblePairs(1 << 15, 12, true);
        assertThat(DilationPattern.PAPER.visiblePairs(1L << 40, 12, true)).isEqualTo(one * (1 << 25));
    }

    @Test
    void doesNotOverflowForTrillionsOfTokens() {
        long length = 1L << 40;
        assertThat(DilationPattern.dense(length).visiblePairs(length, 3, false)).isEqualTo(3 * Math.pow(2, 80));
        assertThat(DilationPattern.dense(length).flops(length, 128, 128, true, true))
                .isCloseTo(3.5 * 4 * 128 * 128 * Math.pow(2, 79), Percentage.withPercentage(1e-6));
        assertThat(new Branch(Long.MAX_VALUE, 2).keptRows(1, 2, length)).isEqualTo(length / 2);
        // 2^40 = 7 · 157 073 089 682 + 2: four rows of each segment and one of the rest.
        assertThat(new Branch(7, 2).keptRows(0, 2, length)).isEqualTo(4 * 157_073_089_682L + 1);
    }

    @Test
    void countsTheRowsThatGenerationKeeps() {
        assertThat(DilationPattern.PAPER.cacheRows()).isEqualTo(2048 + 2048 + 2048 + 2731 + 2731);
        assertThat(DilationPattern.PAPER.cacheRows(0, 12)).isEqualTo(DilationPattern.PAPER.cacheRows());
        DilationPattern odd = DilationPattern.parse("7:3,5:2");
        assertThat(odd.cacheRows()).isEqualTo(3 + 3);
        assertThat(odd.cacheRows(2, 3)).isEqualTo(2 + 2);
    }

    @Test
    void refusesShapesThatDoNotExist() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.PAPER.visiblePairs(0, 1, true))
                .withMessage("the length must be positive, got 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.PAPER.bytes(1, 0, 64, 4))
                .withMessage("the number of heads must be positive, got 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.PAPER.flops(1, 1, 0, true, false))
                .withMessage("the head dimension must be positive, got 0");
    }
}
