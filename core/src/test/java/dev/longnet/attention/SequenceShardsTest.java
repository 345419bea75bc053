package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where sequences are cut. */
class SequenceShardsTest {
    @ParameterizedTest
    @ValueSource(ints = {2, 4, 8})
    void powersOfTwoAreCutIntoEqualShardsThatEveryKernelCanCompute(int ranks) {
        for (String text : new String[] {"2048:1,8192:4,32768:16", "64:1,1048576:256", "1024:2,4096:4"}) {
            DilationPattern pattern = DilationPattern.parse(text);
            for (long length = 1 << 15; length <= 1L << 32; length *= 2) {
                SequenceShards shards = SequenceShards.of(pattern, length, ranks);
                for (int rank = 0; rank < ranks; rank++) {
                    assertThat(shards.count(rank)).isEqualTo(length / ranks);
                    assertThat(shards.stretch(rank)).isEqualTo(new Stretch(rank * (length / ranks), length));
                    AttentionSpec spec = AttentionSpec.of(pattern, true, 8).withStart(shards.start(rank));
                    assertThat(spec.simplest(shards.count(rank)).start()).isZero();
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "2048:1,4096:2,8192:4,16384:6,32768:12 1000000 8 0,131072,262144,360448,491520,622592,753664,884736",
                "2048:1,4096:2 100000 3 0,32768,65536",
                "2048:1,4096:2 10000 3 0,3334,6666",
                "100:1,150:3 10000 4 0,2550,4950,7500",
                "100:1,150:3 1003 3 0,333,669",
                "1000000:3 1000 3 0,333,666",
                "7:1 7 7 0,1,2,3,4,5,6",
                "7:1 9 1 0"
            })
    void cutsAtEndsOfSegmentsWhereThatKeepsShardsEqual(String text, long length, int ranks, String starts) {
        Long[] expected = LongStream.of(java.util.Arrays.stream(starts.split(","))
                        .mapToLong(Long::parseLong)
                        .toArray())
                .boxed()
                .toArray(Long[]::new);
        assertThat(SequenceShards.of(DilationPattern.parse(text), length, ranks).starts())
                .containsExactly(expected);
    }

    @Test
    void noShardIsEmptyAndNoneMuchLarger() {
        Random random = new Random(1);
        for (int i = 0; i < 5000; i++) {
            List<Branch> branches = new ArrayList<>();
            for (int b = 0; b <= random.nextInt(4); b++) {
                int w = 1 + random.nextInt(1 << 1 + random.nextInt(14));
                branches.add(new Branch(w, 1 + random.nextInt(Math.min(w, 20))));
            }
            int ranks = 1 + random.nextInt(20);
            long length = ranks + random.nextInt(1 << random.nextInt(20));
            SequenceShards shards = SequenceShards.of(new DilationPattern(branches), length, ranks);
            assertThat(shards.size()).isEqualTo(ranks);
            long sum = 0;
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(shards.start(rank)).isEqualTo(sum);
                assertThat(shards.count(rank)).isPositive();
                double mean = (double) length / ranks;
                assertThat((double) shards.count(rank)).isLessThanOrEqualTo(Math.max(mean * 17 / 16, mean + 1));
                sum += shards.count(rank);
            }
            assertThat(sum).isEqualTo(length);
        }
    }

    @Test
    void refusesMoreRanksThanTokens() {
        assertThatThrownBy(() -> SequenceShards.of(DilationPattern.dense(4), 3, 4))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("3 tokens cannot be cut over 4 ranks, as every rank needs a token; use at most 3 ranks or"
                        + " longer sequences");
        assertThatThrownBy(() -> SequenceShards.of(DilationPattern.dense(4), 3, 0))
                .hasMessageContaining("1 rank or more, not 0");
        assertThatThrownBy(() -> new SequenceShards(9, List.of(0L, 5L, 5L))).hasMessageContaining("[0, 5, 5]");
        assertThatThrownBy(() -> new SequenceShards(9, List.of(1L))).hasMessageContaining("[1]");
        assertThatThrownBy(() -> new SequenceShards(9, List.of(0L, 9L))).hasMessageContaining("end before 9");
    }
}
