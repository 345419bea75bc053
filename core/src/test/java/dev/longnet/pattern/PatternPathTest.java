package dev.longnet.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PatternPathTest {
    @ParameterizedTest
    @MethodSource("dev.longnet.pattern.Shapes#all")
    void findsTheShortestPaths(DilationPattern pattern, int length, int heads, boolean causal) {
        int[][] layers = shortestPaths(pattern, length, heads, causal);
        int longest = 0;
        long reached = 0;
        for (int from = 0; from < length; from++) {
            for (int to = 0; to < length; to++) {
                assertThat(pattern.hops(from, to, length, heads, causal))
                        .as("%d to %d", from, to)
                        .isEqualTo(layers[from][to]);
                longest = Math.max(longest, layers[from][to]);
                reached += layers[from][to] > 0 ? 1 : 0;
            }
        }
        Reach reach = pattern.reach(length, heads, causal);
        assertThat(reach).isEqualTo(new Reach(longest, reached, (long) length * (length - 1) / (causal ? 2 : 1)));
        assertThat(pattern.longestPath(length, heads, causal)).isEqualTo(longest);
    }

    @ParameterizedTest
    @MethodSource("dev.longnet.pattern.Shapes#all")
    void aPathIsMadeOfSteps(DilationPattern pattern, int length, int heads, boolean causal) {
        for (int from = 0; from < length; from += 3) {
            for (int to = 0; to < length; to++) {
                long[] path = pattern.path(from, to, length, heads, causal);
                assertThat(path).hasSize(pattern.hops(from, to, length, heads, causal) + 1);
                if (path.length > 0) {
                    assertThat(path[0]).isEqualTo(from);
                    assertThat(path[path.length - 1]).isEqualTo(to);
                }
                for (int i = 1; i < path.length; i++) {
                    boolean seen = false;
                    for (int head = 0; head < heads; head++) {
                        seen |= Shapes.count(pattern, (int) path[i], (int) path[i - 1], head, heads, length, causal)
                                > 0;
                    }
                    assertThat(seen).as("%d to %d", path[i - 1], path[i]).isTrue();
                }
            }
        }
    }

    /** Branches that follow are seen from the segment before on. */
    @Test
    void pathsGrowWithTheText() {
        DilationPattern grows = DilationPattern.parse("2:1,4:2...");
        int length = 37, heads = 3;
        int[][] layers = new int[length][length];
        for (int from = 0; from < length; from++) {
            Arrays.fill(layers[from], 1 << 20);
            for (int to = from; to < length; to++) {
                for (Branch branch : grows.at(to).branches()) {
                    for (int head = 0; head < heads; head++) {
                        if (branch.sees(to, from, head, heads, true)) {
                            layers[from][to] = 1;
                        }
                    }
                }
            }
            layers[from][from] = 0;
        }
        for (int over = 0; over < length; over++) {
            for (int from = 0; from < length; from++) {
                for (int to = 0; to < length; to++) {
                    layers[from][to] = Math.min(layers[from][to], layers[from][over] + layers[over][to]);
                }
            }
        }
        for (int from = 0; from < length; from++) {
            for (int to = 0; to < length; to++) {
                assertThat(grows.hops(from, to, length, heads, true))
                        .as("%d to %d", from, to)
                        .isEqualTo(layers[from][to] == 1 << 20 ? -1 : layers[from][to]);
            }
        }
    }

    /** Floyd and Warshall over the definition. */
    private static int[][] shortestPaths(DilationPattern pattern, int length, int heads, boolean causal) {
        int far = 1 << 20;
        int[][] layers = new int[length][length];
        for (int from = 0; from < length; from++) {
            Arrays.fill(layers[from], far);
            for (int to = 0; to < length; to++) {
                for (int head = 0; head < heads; head++) {
                    if (Shapes.count(pattern, to, from, head, heads, length, causal) > 0) {
                        layers[from][to] = 1;
                    }
                }
            }
            layers[from][from] = 0;
        }
        for (int over = 0; over < length; over++) {
            for (int from = 0; from < length; from++) {
                for (int to = 0; to < length; to++) {
                    layers[from][to] = Math.min(layers[from][to], layers[from][over] + layers[over][to]);
                }
            }
        }
        for (int[] row : layers) {
            Arrays.setAll(row, to -> row[to] == far ? -1 : row[to]);
        }
        return layers;
    }

    @Test
    void reachesEveryTokenInAFewLayers() {
        DilationPattern pattern = DilationPattern.geometric(16, 2, 7);
        Reach reach = pattern.reach(1024, 64, false);
        assertThat(reach.share()).isEqualTo(1);
        // The paper's estimate, log of 1024 · (2 − 1) / 16 to the base 2, is 6 layers.
        assertThat(reach.longestPath()).isBetween(2, 6);
    }

    @Test
    void crossesNoBorderOfTheLongestSegment() {
        DilationPattern pattern = DilationPattern.parse("4:1,8:2");
        assertThat(pattern.hops(7, 8, 16, 2, false)).isEqualTo(-1);
        assertThat(pattern.hops(0, 7, 16, 2, false)).isEqualTo(2);
        assertThat(pattern.hops(3, 3, 16, 2, true)).isZero();
        assertThat(pattern.hops(3, 2, 16, 2, true)).isEqualTo(-1);
        assertThat(DilationPattern.dense(4).reach(1, 1, true).share()).isEqualTo(1);
    }

    @Test
    void searchesAMillionTokens() {
        assertThat(DilationPattern.geometric(2048, 2, 10).hops(0, (1 << 20) - 1, 1 << 20, 16, true))
                .isBetween(1, 10);
    }

    @Test
    void saysHowLongASearchMayBe() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.PAPER.longestPath(20_000, 12, true))
                .withMessage("all pairs are searched up to 16384 tokens, got length 20000; use hops for single pairs");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.PAPER.hops(0, 1, 1L << 25, 12, true))
                .withMessage("paths are searched up to 16777216 tokens, got length 33554432");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DilationPattern.PAPER.hops(0, 9, 9, 12, true))
                .withMessage("to must be in [0, 9), got 9");
    }
}
