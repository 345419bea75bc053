package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.ShardPlan.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.ranks.ThreadRanks;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What ranks send each other is what their queries see, each row once, and as much as the formula says. */
class ShardPlanTest {
    static IntStream seeds() {
        return IntStream.range(0, 200);
    }

    private record Row(int branch, long position, int kvHead) {}

    @ParameterizedTest
    @MethodSource("seeds")
    void sendsWhatIsSeenAndEachRowOnce(int seed) {
        Random random = new Random(seed);
        int kvHeads = 1 + random.nextInt(3), group = 1 + random.nextInt(4), heads = kvHeads * group;
        List<Branch> branches = new ArrayList<>();
        for (int i = 1 + random.nextInt(3); i > 0; i--) {
            int w = 1 + random.nextInt(80);
            branches.add(new Branch(w, 1 + random.nextInt(Math.min(w, 11))));
        }
        int ranks = 1 + random.nextInt(8), length = ranks + random.nextInt(60);
        boolean causal = random.nextBoolean();
        DilationPattern pattern = new DilationPattern(branches);
        SequenceShards shards = SequenceShards.of(pattern, length, ranks);
        ShardPlan plan = new ShardPlan(pattern, shards, causal);
        List<Lanes> lanes = plan.lanes(heads, kvHeads);
        for (int to = 0; to < ranks; to++) {
            Set<Row> received = new HashSet<>();
            for (int from = 0; from < ranks; from++) {
                for (Part part : plan.parts(from, to)) {
                    Branch branch = branches.get(part.branch());
                    assertThat(from).isNotEqualTo(to);
                    assertThat(part.from()).isBetween(shards.start(from), part.to() - 1);
                    assertThat(part.to()).isLessThanOrEqualTo(shards.end(from));
                    // The receiver has tokens of the segment, later ones when causal.
                    long other = causal || to > from ? shards.start(to) : shards.end(to) - 1;
                    assertThat(other / branch.segment() * branch.segment()).isEqualTo(part.segment());
                    assertThat(!causal || from < to).isTrue();
                    int rows = 0;
                    for (long position = part.from(); position < part.to(); position++) {
                        assertThat(position / branch.segment() * branch.segment())
                                .isEqualTo(part.segment());
                        for (int kv = 0; kv < kvHeads; kv++) {
                            long at = position;
                            if (IntStream.range(kv * group, (kv + 1) * group)
                                    .anyMatch(head -> branch.covers(at, head, heads))) {
                                assertThat(received.add(new Row(part.branch(), position, kv)))
                                        .isTrue();
                                rows++;
                            }
                        }
                    }
                    assertThat(lanes.get(part.branch()).rows(part)).isEqualTo(rows);
                }
            }
            assertThat(plan.rowsReceived(to, heads, kvHeads)).isEqualTo(received.size());
            for (int i = 0; i < branches.size(); i++) {
                for (long query = shards.start(to); query < shards.end(to); query++) {
                    for (long key = 0; key < length; key++) {
                        boolean far = key < shards.start(to) || key >= shards.end(to);
                        for (int head = 0; far && head < heads; head++) {
                            if (branches.get(i).sees(query, key, head, heads, causal)) {
                                assertThat(received).contains(new Row(i, key, head / group));
                            }
                        }
                    }
                }
            }
        }
        long sent = IntStream.range(0, ranks)
                .mapToLong(rank -> plan.rowsSent(rank, heads, kvHeads))
                .sum();
        assertThat(sent)
                .isEqualTo(IntStream.range(0, ranks)
                        .mapToLong(rank -> plan.rowsReceived(rank, heads, kvHeads))
                        .sum());
        assertThat(plan.isEmpty()).isEqualTo(sent == 0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {"Float true 2", "BFloat16 false 3", "Double true 1", "Float false 5", "Half true 4"})
    void ranksSendAsManyBytesAsTheFormulaSays(ScalarType type, boolean causal, int ranks) {
        DilationPattern pattern = DilationPattern.parse("9:1,31:2,64:5");
        SequenceShards shards = SequenceShards.of(pattern, 103, ranks);
        ShardPlan plan = new ShardPlan(pattern, shards, causal);
        ThreadRanks.run(ranks, group -> {
            int rank = group.rank();
            AttentionKernel kernel = AttentionKernel.over(group, shards, AttentionKernel.ATEN);
            AttentionSpec spec = AttentionSpec.of(pattern, causal, 8).withStart(shards.start(rank));
            Tensor q = Tensors.randn(Tensors.options(ScalarType.Float, Tensors.cpu()), 2, shards.count(rank), 6, 8)
                    .to(type);
            Tensor k = q.narrow(2, 0, 3);
            AttentionKernel.Result result = kernel.forward(q, k, k, spec);
            int bytes = (int) q.element_size();
            long forward = group.bytesSent();
            assertThat(forward).isEqualTo(plan.forwardBytes(rank, 6, 3, 8, 2, bytes));
            kernel.backward(q, q, k, k, result.out(), result.lse(), spec);
            assertThat(group.bytesSent() - forward).isEqualTo(plan.backwardBytes(rank, 6, 3, 8, 2, bytes));
            assertThat(group.allGather(group.bytesSent())[ranks - 1][0] > 0).isEqualTo(ranks > 1);
        });
    }

    /** Branches up to the whole sequence, with as many kept rows a segment whatever its length. */
    @Test
    void whatIsSentDoesNotGrowWithTheSequence() {
        int heads = 16, ranks = 4;
        for (boolean causal : new boolean[] {true, false}) {
            long[] first = null;
            for (long length = 1 << 12; length <= 1L << 36; length *= 4) {
                long ratio = Math.max(1, length / 256);
                DilationPattern pattern = new DilationPattern(
                        List.of(new Branch(256, 1), new Branch(length / 2, (int) (ratio / 2)), new Branch(length, (int)
                                ratio)));
                SequenceShards shards = SequenceShards.of(pattern, length, ranks);
                ShardPlan plan = new ShardPlan(pattern, shards, causal);
                long[] rows = IntStream.range(0, ranks)
                        .mapToLong(rank -> plan.rowsSent(rank, heads, heads))
                        .toArray();
                first = first == null ? rows : first;
                assertThat(rows).containsExactly(first);
                for (int rank = 0; rank < ranks; rank++) {
                    assertThat(rows[rank]).isLessThanOrEqualTo((256 - 128) * heads + (256 - 64) * heads);
                    assertThat(plan.rowsReceived(rank, heads, heads))
                            .isLessThanOrEqualTo((256 - 128) * heads + (256 - 64) * heads);
                }
                assertThat(plan.forwardBytes(0, heads, heads, 64, 1, 2)).isLessThan(2L * 2 * 2 * 256 * heads * 64);
            }
        }
    }
}
