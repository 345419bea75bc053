package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SharedPairsTest {
    static IntStream seeds() {
        return IntStream.range(0, 200);
    }

    /** Every pair, counted where a branch computes it, counts as often as branches have it. */
    @ParameterizedTest
    @MethodSource("seeds")
    void everyPairCountsAsOftenAsBranchesHaveIt(int seed) {
        Random random = new Random(seed);
        int length = 1 + random.nextInt(120), heads = 1 + random.nextInt(8);
        DilationPattern pattern = pattern(random);
        SharedPairs pairs = SharedPairs.of(pattern, length, heads);
        List<Branch> branches = pattern.branches();
        for (int h = 0; h < heads; h++) {
            for (int query = 0; query < length; query++) {
                for (int key = 0; key < length; key++) {
                    int have = 0, counted = 0;
                    for (int i = 0; i < branches.size(); i++) {
                        boolean sees = branches.get(i).sees(query, key, h, heads, false);
                        long inner = pairs.inner(i, h);
                        have += sees ? 1 : 0;
                        if (sees && (inner == 0 || query / inner != key / inner)) {
                            counted += 1 + keeping(pairs.below(i, h), branches, query, key, h, heads);
                        }
                    }
                    assertThat(counted)
                            .as(
                                    "%s seed %d head %d of %d, %d sees %d of %d",
                                    pattern, seed, h, heads, query, key, length)
                            .isEqualTo(have);
                }
            }
        }
    }

    /** Among the branches of a mask, those that keep both rows, which the period has to be able to say. */
    private static int keeping(int mask, List<Branch> branches, int query, int key, int head, int heads) {
        return (int) IntStream.range(0, branches.size())
                .filter(j -> (mask >> j & 1) == 1)
                .filter(j -> branches.get(j).covers(query, head, heads)
                        && branches.get(j).covers(key, head, heads))
                .count();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void ratiosBetweenABranchAndThoseBelowFitThePeriodAndTheBaseLeavesNothing(int seed) {
        Random random = new Random(seed);
        int heads = 1 + random.nextInt(8), length = 1 + random.nextInt(1000);
        DilationPattern pattern = pattern(random);
        SharedPairs pairs = SharedPairs.of(pattern, length, heads);
        List<Branch> branches = pattern.branches();
        for (int h = 0; h < heads; h++) {
            for (int i = 0; i < branches.size(); i++) {
                for (int j = 0; j < branches.size(); j++) {
                    if ((pairs.below(i, h) >> j & 1) == 1) {
                        int ratio = branches.get(j).ratio() / branches.get(i).ratio();
                        assertThat(8 * pairs.cycle() % ratio)
                                .as("%s: %d", pattern, ratio)
                                .isZero();
                    }
                }
            }
            assertThat(pairs.base() < 0 ? 0 : pairs.inner(pairs.base(), h)).isZero();
        }
    }

    /** A sequence shorter than both segments: the branch that comes first computes for both. */
    @Test
    void theBaseIsTheShortestBranchAsTheSequenceCutsIt() {
        SharedPairs pairs = SharedPairs.of(DilationPattern.parse("5000:1,2000:1"), 1000, 1);
        assertThat(pairs.base()).isZero();
        assertThat(pairs.inner(0, 0)).isZero();
        assertThat(pairs.inner(1, 0)).isEqualTo(1000);
    }

    @Test
    void theOrderInWhichBranchesAreGivenDoesNotMatter() {
        SharedPairs pairs = SharedPairs.of(DilationPattern.parse("4096:4,4096:2,4096:1"), 1 << 20, 4);
        assertThat(pairs.base()).isEqualTo(2);
        assertThat(pairs.inner(0, 0)).isEqualTo(4096);
        assertThat(pairs.below(2, 0)).isEqualTo(0b011);
    }

    @Test
    void thePapersPatternSharesWhatItCan() {
        SharedPairs pairs = SharedPairs.of(DilationPattern.parse("2048:1,4096:2,8192:4,16384:6,32768:12"), 1 << 20, 12);
        assertThat(pairs.cycle()).isEqualTo(3);
        // Head 0 keeps offset 0 everywhere. Ratio 12 goes by 4, not by 6, whose rows shift from segment to segment: 6
        // does
        // not divide 16384.
        assertThat(IntStream.range(0, 5).mapToLong(i -> pairs.inner(i, 0)))
                .containsExactly(0L, 2048L, 4096L, 4096L, 8192L);
        assertThat(pairs.below(0, 0)).isEqualTo(0b11110);
        assertThat(pairs.below(1, 0)).isEqualTo(0b11100);
        assertThat(pairs.below(2, 0)).isEqualTo(0b10000);
        // Head 3 has offsets 0, 0, 1, 1, 3, of which only 3 ≡ 1 (mod 2), and no such branch is shorter.
        assertThat(IntStream.range(0, 5).mapToLong(i -> pairs.inner(i, 3)))
                .containsExactly(0L, 2048L, 2048L, 2048L, 2048L);
    }

    @Test
    void branchesThatShareNothingCountTheirOwn() {
        SharedPairs pairs = SharedPairs.of(DilationPattern.parse("100:2,250:3"), 1000, 6);
        assertThat(pairs.cycle()).isZero();
        assertThat(pairs.inner(1, 0)).isZero();
    }

    /** Segments made of shorter ones and ratios made of smaller ones, often. */
    private static DilationPattern pattern(Random random) {
        List<Branch> branches = new ArrayList<>();
        long segment = 1 + random.nextInt(12);
        int ratio = 1 + random.nextInt(2);
        for (int i = 1 + random.nextInt(5); i > 0; i--) {
            branches.add(new Branch(segment, (int) Math.min(ratio, segment)));
            segment = segment * (1 + random.nextInt(4)) + (random.nextInt(6) == 0 ? random.nextInt(5) : 0);
            ratio *= 1 + random.nextInt(3);
        }
        Collections.shuffle(branches, random);
        return new DilationPattern(branches);
    }
}
