package dev.longnet.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.SharedPairs;
import dev.longnet.config.Configs;
import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a rank computes and receives, against a count of every query and key by {@link Branch#sees}. */
class RankWorkTest {
    private static LongNetConfig model(String pattern, int heads, int keyValueHeads, boolean causal) {
        return Configs.with(
                        PlanConfig.defaults(),
                        "model.pattern=" + pattern,
                        "model.embedding=" + 8 * heads,
                        "model.heads=" + heads,
                        "model.keyValueHeads=" + keyValueHeads,
                        "model.causal=" + causal,
                        "model.positions=none")
                .model();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "8:1,32:4,256:16         | 4 | 4 | 256 | 4",
                "8:1,32:4,256:16         | 6 | 3 | 256 | 8",
                "7:1,35:5,200:3          | 5 | 1 | 211 | 2",
                "16:2,50:7,97:1,400:40   | 6 | 2 | 233 | 3",
                "300:1                   | 2 | 1 | 100 | 3",
                "10:10,12:3              | 3 | 3 | 61  | 5",
            })
    void equalsACountOfEveryPair(String pattern, int heads, int keyValueHeads, long length, int gpus) {
        for (boolean causal : new boolean[] {false, true}) {
            LongNetConfig model = model(pattern, heads, keyValueHeads, causal);
            for (int ranks = 1; ranks <= 8; ranks++) {
                Shards shards = new Shards(length, ranks, gpus);
                double pairs = 0;
                for (int rank = 0; rank < ranks; rank++) {
                    RankWork work = RankWork.of(model, shards, rank);
                    String what = pattern + ", rank " + rank + " of " + ranks + (causal ? ", causal" : "");
                    assertCounted(work, model, shards, rank, what);
                    pairs += work.localPairs() + work.farPairs();
                }
                assertThat(pairs).isEqualTo(model.pattern().visiblePairs(length, heads, causal));
            }
        }
    }

    private static void assertCounted(RankWork work, LongNetConfig model, Shards shards, int rank, String what) {
        int heads = model.heads(), share = heads / model.keyValueHeads(), doublings = 0;
        long start = shards.start(rank), end = shards.start(rank + 1), local = 0, far = 0, node = 0, network = 0;
        for (Branch branch : model.pattern().branches()) {
            int most = 0;
            for (int keyHead = 0; keyHead < model.keyValueHeads(); keyHead++) {
                Set<String> rows = new HashSet<>();
                for (long key = 0; key < shards.length(); key++) {
                    boolean own = key >= start && key < end;
                    for (int head = keyHead * share; head < (keyHead + 1) * share; head++) {
                        for (long query = start; query < end; query++) {
                            if (branch.sees(query, key, head, heads, model.causal())) {
                                local += own ? 1 : 0;
                                far += own ? 0 : 1;
                                if (!own && rows.add(key + " " + branch.offset(head, heads))) {
                                    boolean near = shards.rankOf(key) / shards.gpus() == rank / shards.gpus();
                                    node += near ? 1 : 0;
                                    network += near ? 0 : 1;
                                    most = Math.max(most, sharing(branch, shards, key));
                                }
                            }
                        }
                    }
                }
            }
            for (int reached = 1; reached < most; reached *= 2) {
                doublings++;
            }
        }
        assertThat(work.localPairs()).as(what).isEqualTo(local);
        assertThat(work.farPairs()).as(what).isEqualTo(far);
        assertThat(work.nodeRows()).as(what).isEqualTo(node);
        assertThat(work.networkRows()).as(what).isEqualTo(network);
        assertThat(work.doublings()).as(what).isBetween(doublings, doublings + 1);
    }

    /** Ranks that hold a token of the key's segment. */
    private static int sharing(Branch branch, Shards shards, long key) {
        Set<Integer> ranks = new HashSet<>();
        for (long token = 0; token < shards.length(); token++) {
            if (token / branch.segment() == key / branch.segment()) {
                ranks.add(shards.rankOf(token));
            }
        }
        return ranks.size();
    }

    /** With shards of l tokens the j-th rank of a segment receives j·l/r rows a head, and of both sides (w/l − 1)·l/r. */
    @ParameterizedTest
    @CsvSource({"1024, 4, 8", "1024, 16, 4", "512, 2, 16"})
    void alignedShardsFollowTheFormula(long segment, int ratio, int ranks) {
        long length = 1024, shard = length / ranks, inSegment = segment / shard;
        for (boolean causal : new boolean[] {false, true}) {
            LongNetConfig model = model(segment + ":" + ratio, 4, 2, causal);
            for (int rank = 0; rank < ranks; rank++) {
                RankWork work = RankWork.of(model, new Shards(length, ranks, 1), rank);
                long others = causal ? rank % inSegment : inSegment - 1, rows = shard / ratio;
                Branch branch = model.pattern().branches().get(0);
                long offsetsOfKeyHead = branch.headsPerOffset(4) == 1 ? 2 : 1;
                assertThat(work.networkRows()).isEqualTo(2 * offsetsOfKeyHead * others * rows);
                assertThat(work.farPairs()).isEqualTo(4 * rows * others * rows);
                assertThat(work.nodeRows()).isZero();
            }
        }
    }

    /** docs/kernels.md: a fifth of all pairs goes with the paper's pattern, 15 % with the other. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "2048:1,4096:2,8192:4,16384:6,32768:12            | 12 | 0.195",
                "2048:1,8192:4,32768:16,131072:16,524288:16       | 16 | 0.149",
                "2048:1,65536:32                                  | 16 | 0"
            })
    void pairsThatBranchesShareAreComputedOnce(String pattern, int heads, double share) {
        LongNetConfig model = model(pattern, heads, heads, true);
        RankWork work = RankWork.of(model, new Shards(1 << 19, 1, 8), 0);
        assertThat(work.sharedPairs() / work.localPairs()).isCloseTo(share, Offset.offset(0.001));
    }

    @Test
    void sharedPairsEqualACountInEveryShardThatHoldsWholeSegments() {
        LongNetConfig model = model("8:1,32:2,64:4", 4, 4, true);
        Shards shards = new Shards(192, 3, 8);
        SharedPairs sharing = SharedPairs.of(model.pattern(), 192, 4);
        List<Branch> branches = model.pattern().branches();
        long counted = 0;
        for (int i = 0; i < branches.size(); i++) {
            for (int head = 0; head < 4; head++) {
                long inner = sharing.inner(i, head);
                for (long query = 64; inner > 0 && query < 128; query++) {
                    for (long key = 64; key < 128; key++) {
                        boolean sees = branches.get(i).sees(query, key, head, 4, true);
                        counted += sees && query / inner == key / inner ? 1 : 0;
                    }
                }
            }
        }
        assertThat(counted).isPositive();
        assertThat(RankWork.of(model, shards, 1).sharedPairs()).isEqualTo(counted);
    }

    /** Nothing loops over tokens. */
    @Test
    void countsATrillionTokens() {
        long length = 1L << 40;
        DilationPattern pattern = PlanConfig.series(length);
        LongNetConfig model = model(pattern.toString(), 12, 12, true);
        Shards shards = new Shards(length, 1 << 20, 8);
        RankWork last = RankWork.of(model, shards, (1 << 20) - 1);
        assertThat(last.localPairs()).isGreaterThan(length / (1 << 20) * 12.0 * 1024);
        assertThat(last.networkRows()).isGreaterThan(12 * 2000);
        assertThat(shards.rankOf(length - 1)).isEqualTo((1 << 20) - 1);
    }
}
