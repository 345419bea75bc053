package dev.longnet.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PatternGeometryTest {
    @ParameterizedTest
    @MethodSource("dev.longnet.pattern.Shapes#all")
    void countsTheBranchesThatShowAKey(DilationPattern pattern, int length, int heads, boolean causal) {
        for (int head = 0; head < heads; head++) {
            for (int query = 0; query < length; query++) {
                for (int key = 0; key < length; key++) {
                    assertThat(pattern.count(query, key, head, heads, length, causal))
                            .as("query %d, key %d, head %d", query, key, head)
                            .isEqualTo(Shapes.count(pattern, query, key, head, heads, length, causal));
                }
                assertThat(pattern.covers(query, head, heads))
                        .isEqualTo(Shapes.count(pattern, query, query, head, heads, length, causal) > 0);
            }
        }
    }

    @Test
    void looksLikeThePictureInItsDocumentation() {
        DilationPattern pattern = DilationPattern.parse("4:1,8:2");
        assertThat(picture(pattern, 0))
                .containsExactly(
                        "2.......", "11......", "212.....", "1111....", "1.1.2...", "....11..", "1.1.212.", "....1111");
        assertThat(picture(DilationPattern.parse("8:2"), 1))
                .containsExactly(
                        "........", ".1......", "........", ".1.1....", "........", ".1.1.1..", "........", ".1.1.1.1");
    }

    private static String[] picture(DilationPattern pattern, int head) {
        return IntStream.range(0, 8)
                .mapToObj(query -> IntStream.range(0, 8)
                        .mapToObj(key -> ".12".charAt(pattern.count(query, key, head, 2, 8, true)))
                        .collect(StringBuilder::new, StringBuilder::append, StringBuilder::append)
                        .toString())
                .toArray(String[]::new);
    }

    @Test
    void givesOffsetsToContiguousGroupsOfHeads() {
        Branch branch = new Branch(32768, 12);
        assertThat(IntStream.range(0, 12).map(head -> branch.offset(head, 12)))
                .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
        assertThat(IntStream.range(0, 12).map(head -> new Branch(8, 4).offset(head, 12)))
                .containsExactly(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3);
        // Five heads over four residues: groups of two leave the last residue to nobody.
        assertThat(IntStream.range(0, 5).map(head -> new Branch(8, 4).offset(head, 5)))
                .containsExactly(0, 0, 1, 1, 2);
        assertThat(new Branch(8, 4).offsets(5)).isEqualTo(3);
        assertThat(new Branch(8, 4).offsets(2)).isEqualTo(2);
    }

    @Test
    void leavesPositionsUncoveredWhereHeadsAreFewerThanTheRatio() {
        DilationPattern pattern = DilationPattern.parse("8:4");
        assertThat(pattern.covers(1, 1, 2)).isTrue();
        assertThat(pattern.covers(2, 0, 2) || pattern.covers(2, 1, 2)).isFalse();
    }

    @Test
    void worksFarBeyondTheIntegers() {
        long length = 1L << 40;
        DilationPattern pattern = DilationPattern.dense(length);
        assertThat(pattern.count(length - 1, 0, 0, 1, length, true)).isEqualTo(1);
        assertThat(pattern.count(0, length - 1, 0, 1, length, true)).isZero();
    }

    @Test
    void refusesPositionsAndHeadsThatDoNotExist() {
        DilationPattern pattern = DilationPattern.PAPER;
        assertThatIllegalArgumentException()
                .isThrownBy(() -> pattern.count(5, 0, 0, 1, 5, true))
                .withMessage("query must be in [0, 5), got 5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> pattern.count(0, -1, 0, 1, 5, true))
                .withMessage("key must be in [0, 5), got -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> pattern.covers(0, 12, 12))
                .withMessage("head must be in [0, 12), got 12");
    }
}
