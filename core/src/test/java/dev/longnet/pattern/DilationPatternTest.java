package dev.longnet.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DilationPatternTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    2048:1,4096:2     | 2048:1,4096:2
                    2k:1, 4K:2        | 2048:1,4096:2
                    ' 1m : 16 , 1G:1k'| 1048576:16,1073741824:1024
                    7:3               | 7:3
                    1:1               | 1:1
                    """)
    void readsBranches(String text, String written) {
        assertThat(DilationPattern.parse(text)).hasToString(written);
        assertThat(DilationPattern.parse(written)).isEqualTo(DilationPattern.parse(text));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    ''         | the pattern is empty; give at least one segment:ratio, such as 2048:1 or 2048:1,4096:2
                    2048:1,    | pattern "2048:1," has an empty branch; remove the extra comma
                    8:1,,8:2   | pattern "8:1,,8:2" has an empty branch; remove the extra comma
                    2048       | branch "2048" of pattern "2048" is not segment:ratio; write it like 4096:2
                    8:1,4:2:1  | branch "4:2:1" of pattern "8:1,4:2:1" is not segment:ratio; write it like 4096:2
                    x:1        | segment length "x" in branch "x:1" is not a whole number; write it like 4096 or 4k (k, m, g are powers of 1024)
                    1.5k:1     | segment length "1.5k" in branch "1.5k:1" is not a whole number; write it like 4096 or 4k (k, m, g are powers of 1024)
                    -8:1       | segment length "-8" in branch "-8:1" is not a whole number; write it like 4096 or 4k (k, m, g are powers of 1024)
                    8:         | dilation ratio "" in branch "8:" is not a whole number; write it like 4096 or 4k (k, m, g are powers of 1024)
                    9999999999g:1          | segment length "9999999999g" in branch "9999999999g:1" is too large; use at most 9223372036854775807
                    99999999999999999999:1 | segment length "99999999999999999999" in branch "99999999999999999999:1" is too large; use at most 9223372036854775807
                    8g:4g      | dilation ratio "4g" in branch "8g:4g" is too large; use at most 2147483647
                    4:1,0:1    | branch "0:1" of pattern "4:1,0:1": segment length must be positive, got 0
                    8:0        | branch "8:0" of pattern "8:0": dilation ratio must be positive, got 0
                    """)
    void saysWhichPartIsMalformed(String text, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.parse(text))
                .withMessage(message);
    }

    @Test
    void refusesARatioLargerThanItsSegment() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.parse("4:8"))
                .withMessage("branch \"4:8\" of pattern \"4:8\": dilation ratio 8 is larger than its segment 4, "
                        + "so some heads would see nothing; use a ratio up to 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DilationPattern(List.of()))
                .withMessage("a pattern needs at least one branch, such as 2048:1");
        assertThatIllegalArgumentException().isThrownBy(() -> DilationPattern.parse(null));
    }

    @Test
    void growsGeometrically() {
        assertThat(DilationPattern.geometric(2048, 2, 5)).hasToString("2048:1,4096:2,8192:4,16384:8,32768:16");
        assertThat(DilationPattern.geometric(9, 2, 3, 3)).hasToString("9:2,27:6,81:18");
        assertThat(DilationPattern.geometric(64, 4, 1)).isEqualTo(DilationPattern.dense(64));
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 64, Integer.MAX_VALUE})
    void refusesToGrowPastTheNumbers(int branches) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.geometric(4, 2, branches))
                .withMessage(
                        branches + " branches that start at 4:1 and grow by 2 are too large to count; use 31 or fewer");
    }

    @Test
    void refusesToGrowByNothing() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.geometric(4, 1, 3))
                .withMessage("the growth factor of a geometric pattern must be 2 or more, got 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.geometric(4, 2, 0))
                .withMessage("a geometric pattern needs at least one branch, got 0");
    }

    @Test
    void knowsItsLongestSegmentInAnyOrder() {
        assertThat(DilationPattern.parse("4096:4,16:1,64:2").longestSegment()).isEqualTo(4096);
        assertThat(DilationPattern.PAPER.longestSegment()).isEqualTo(32768);
    }

    @Test
    void keepsItsOwnBranches() {
        List<Branch> branches = new java.util.ArrayList<>(List.of(new Branch(4, 1)));
        DilationPattern pattern = new DilationPattern(branches);
        branches.clear();
        assertThat(pattern).hasToString("4:1");
    }
}
