package dev.longnet.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.StringReader;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

class PatternPictureTest {
    private static final Pattern RUN = Pattern.compile("M(\\d+) (\\d+)h(\\d+)v1");

    @ParameterizedTest
    @MethodSource("dev.longnet.pattern.Shapes#all")
    void paintsThePairsThatSomeHeadSees(DilationPattern pattern, int length, int heads, boolean causal) {
        var panels = PatternPicture.panels(pattern, length, heads, causal);
        boolean[][] painted = painted(panels.get(panels.size() - 1).svg(), length);
        for (int query = 0; query < length; query++) {
            for (int key = 0; key < length; key++) {
                boolean seen = false;
                for (int head = 0; head < heads; head++) {
                    seen |= Shapes.count(pattern, query, key, head, heads, length, causal) > 0;
                }
                assertThat(painted[query][key])
                        .as("query %d, key %d", query, key)
                        .isEqualTo(seen);
            }
        }
    }

    private static boolean[][] painted(String svg, int side) {
        boolean[][] cells = new boolean[side][side];
        for (MatchResult run : RUN.matcher(svg).results().toList()) {
            int start = Integer.parseInt(run.group(1));
            for (int key = start; key < start + Integer.parseInt(run.group(3)); key++) {
                assertThat(cells[Integer.parseInt(run.group(2))][key])
                        .as("painted twice")
                        .isFalse();
                cells[Integer.parseInt(run.group(2))][key] = true;
            }
        }
        return cells;
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    2048:1,4096:2,8192:4,16384:6,32768:12      | 32768      | 4:1,8:2,16:4,32:6,64:12        | 64
                    1024:1,4096:2,16384:4,65536:8,1048576:16   | 1048576    | 4:1,7:2,12:4,21:8,64:16        | 64
                    4:1,8:2                                    | 16         | 4:1,8:2                        | 16
                    512:1                                      | 100        | 64:1                           | 64
                    2048:1                                     | 1048576    | 4:1                            | 64
                    8192:1,8192:1000                           | 8192       | 64:1,64:64                     | 64
                    7:3                                        | 1          | 1:1                            | 1
                    """)
    void keepsTheShapeOfLongPatterns(String pattern, long length, String drawn, int positions) {
        PatternSketch sketch = PatternSketch.of(DilationPattern.parse(pattern), length);
        assertThat(new DilationPattern(sketch.branches())).hasToString(drawn);
        assertThat(sketch.length()).isEqualTo(positions);
    }

    @Test
    void isOneWellFormedDocumentWithAPanelForEachBranchAndOneForAll() throws Exception {
        String svg = PatternPicture.svg(DilationPattern.PAPER, 1L << 40, 12, true);
        Element root = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(svg)))
                .getDocumentElement();
        assertThat(root.getTagName()).isEqualTo("svg");
        var texts = root.getElementsByTagName("text");
        assertThat(texts.getLength()).isEqualTo(6);
        assertThat(texts.item(4).getTextContent()).isEqualTo("32768:12");
        assertThat(texts.item(5).getTextContent()).isEqualTo("all branches");
        assertThat(root.getElementsByTagName("desc").item(0).getTextContent())
                .contains("causal", "12 heads", "64 positions in the place of 1099511627776");
        assertThat(svg.length()).isLessThan(200_000);
    }

    @Test
    void drawsOneBranchOnce() {
        assertThat(PatternPicture.panels(DilationPattern.dense(8), 8, 1, false)).hasSize(1);
        assertThat(PatternPicture.caption(DilationPattern.dense(8), 8, 1, false))
                .isEqualTo("Rows are queries, columns the keys they see in bidirectional attention, one head.");
    }

    @Test
    void isStrongerWhereMoreHeadsSee() {
        String dense = PatternPicture.panels(DilationPattern.dense(4), 4, 4, true)
                .get(0)
                .svg();
        String dilated = PatternPicture.panels(DilationPattern.parse("4:4"), 4, 4, true)
                .get(0)
                .svg();
        assertThat(dense).contains("fill-opacity=\"1.0\"");
        assertThat(dilated).contains("fill-opacity=\"0.6\"").doesNotContain("fill-opacity=\"1.0\"");
    }

    @Test
    void refusesShapesThatDoNotExist() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PatternPicture.svg(DilationPattern.PAPER, 0, 12, true))
                .withMessage("the length must be positive, got 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PatternPicture.svg(DilationPattern.PAPER, 8, 0, true))
                .withMessage("the number of heads must be positive, got 0");
    }
}
