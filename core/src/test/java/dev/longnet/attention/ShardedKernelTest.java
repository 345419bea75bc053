package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.ranks.RankGroup;
import dev.longnet.ranks.ThreadRanks;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Attention over ranks as a kernel like others. */
class ShardedKernelTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));
    private static final DilationPattern PATTERN = DilationPattern.parse("6:1,17:3,40:7");

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void autogradGivesTheWholeSequencesGradient(int ranks) {
        SequenceShards shards = SequenceShards.of(PATTERN, 47, ranks);
        AttentionSpec spec = AttentionSpec.of(PATTERN, true, 4);
        Compute.seed(2);
        try (Scope scope = new Scope()) {
            Tensor packed = Tensors.randn(F64, 2, 47, 10, 4), dout = Tensors.randn(F64, 2, 47, 6, 4);
            PackedAttention.Parts parts = PackedAttention.Parts.of(packed, 6);
            ShardedCase.Answers exact =
                    new ShardedCase(parts.q(), parts.k(), parts.v(), dout, spec).whole(AttentionKernel.REFERENCE);
            Tensor expected = Tensors.cat(2, exact.dq(), exact.dk(), exact.dv());
            ThreadRanks.run(ranks, group -> {
                AttentionKernel kernel = AttentionKernel.over(group, shards, AttentionKernel.AUTO);
                AttentionSpec here = spec.withStart(shards.start(group.rank()));
                Tensor mine = ShardedCase.part(packed, 1, shards, group.rank()).clone();
                Tensor weights = ShardedCase.part(dout, 1, shards, group.rank());
                Tensor want = ShardedCase.part(expected, 1, shards, group.rank());

                Tensor leaf = mine.detach().set_requires_grad(true);
                PackedAttention.Parts views = PackedAttention.Parts.of(leaf, 6);
                Attention.attend(views.q(), views.k(), views.v(), here, kernel)
                        .mul(weights)
                        .sum()
                        .backward();
                assertThat(Tensors.relativeError(leaf.grad(), want)).isLessThan(1e-12);

                Tensor again = mine.detach().set_requires_grad(true);
                new PackedAttention(6, here, null, kernel)
                        .attend(again)
                        .mul(weights)
                        .sum()
                        .backward();
                assertThat(Tensors.relativeError(again.grad(), want)).isLessThan(1e-12);
            });
        }
    }

    /** Shards longer than what factors of float32 span, so that queries meet far keys stretch by stretch. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {"700 2 500:1 4 4 2", "523 1 600:1,523:3 3 1 2", "401 1 333:2,77:5,401:1 6 2 3", "607 1 607:1 2 2 4"
            })
    void dampsWhereFactorsAloneOverflow(int length, int damping, String text, int heads, int kvHeads, int ranks) {
        DilationPattern pattern = DilationPattern.parse(text);
        Rotary rotary = new Rotary(8, 10_000, damping);
        AttentionSpec spec = AttentionSpec.of(pattern, true, 8).withDamping(rotary);
        SequenceShards shards = SequenceShards.of(pattern, length, ranks);
        assertThat(shards.count(1)).isGreaterThan(rotary.longestDamped());
        Compute.seed(length);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 2, length, heads, 8), dout = Tensors.randn(F64, 2, length, heads, 8);
            Tensor k = Tensors.randn(F64, 2, length, kvHeads, 8), v = Tensors.randn(F64, 2, length, kvHeads, 8);
            ShardedCase inputs = new ShardedCase(q, k, v, dout, spec);
            ShardedCase.Answers exact = inputs.whole(AttentionKernel.REFERENCE);
            inputs.over(shards, AttentionKernel.ATEN)
                    .errors(exact)
                    .forEach((name, error) -> assertThat(error).as(name).isLessThan(1e-11));
            ScalarType single = ScalarType.Float;
            ShardedCase narrow = new ShardedCase(q.to(single), k.to(single), v.to(single), dout.to(single), spec);
            for (AttentionKernel kernel : List.of(AttentionKernel.ATEN, AttentionKernel.REFERENCE)) {
                narrow.over(shards, kernel)
                        .errors(exact)
                        .forEach((name, error) -> assertThat(error).as(name).isLessThan(1e-5));
            }
        }
    }

    @Test
    void halfTypesAreRoundedAFewTimesMoreOften() {
        AttentionSpec spec = AttentionSpec.of(PATTERN, true, 8);
        Compute.seed(5);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, 2, 61, 6, 8), dout = Tensors.randn(F64, 2, 61, 6, 8);
            Tensor k = Tensors.randn(F64, 2, 61, 3, 8), v = Tensors.randn(F64, 2, 61, 3, 8);
            ScalarType half = ScalarType.BFloat16, wide = ScalarType.Double;
            ShardedCase inputs = new ShardedCase(q.to(half), k.to(half), v.to(half), dout.to(half), spec);
            ShardedCase.Answers exact = new ShardedCase(
                            inputs.q().to(wide),
                            inputs.k().to(wide),
                            inputs.v().to(wide),
                            inputs.dout().to(wide),
                            spec)
                    .whole(AttentionKernel.REFERENCE);
            inputs.over(SequenceShards.of(PATTERN, 61, 4), AttentionKernel.ATEN)
                    .errors(exact)
                    .forEach((name, error) -> assertThat(error)
                            .as(name)
                            .isLessThan(name.equals("lse") ? 1e-6 : name.equals("out") ? 4e-3 : 1e-2));
        }
    }

    @Test
    void refusesWhatIsNotTheRanksShard() {
        SequenceShards shards = new SequenceShards(20, List.of(0L, 9L));
        assertThatThrownBy(() -> AttentionKernel.over(RankGroup.ALONE, shards, AttentionKernel.ATEN))
                .hasMessage("a sequence in 2 shards needs as many ranks, not 1");
        ThreadRanks.run(2, group -> {
            AttentionKernel kernel = AttentionKernel.over(group, shards, AttentionKernel.AUTO);
            AttentionSpec spec = AttentionSpec.of(PATTERN, true, 4), here = spec.withStart(9);
            if (group.rank() == 0) {
                return;
            }
            Tensor x = Tensors.zeros(F64, 1, 11, 2, 4);
            assertThatThrownBy(() -> Attention.forward(x, x, x, spec, kernel))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "rank 1 of 2 holds 11 tokens from position 9 on, but attention was given 11 from position"
                                    + " 0 on; give it the rank's shard");
            assertThatThrownBy(() -> Attention.forward(x, x, x, here.withLengths(11), kernel))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("attention kernel auto over several ranks takes examples of one length; leave the"
                            + " lengths out, or use one rank");
            assertThat(kernel.name()).isEqualTo("auto");
            assertThat(kernel.on(Tensors.cpu(), ScalarType.Float, 2, 4, spec).name())
                    .isEqualTo("aten");
            assertThat(kernel.obstacle(Tensors.cpu(), ScalarType.Float, 2, 4, spec))
                    .isNull();
            assertThat(AttentionKernel.over(group, shards, AttentionKernel.HOPPER)
                            .obstacle(Tensors.cpu(), ScalarType.Float, 2, 4, spec))
                    .contains("the tensors are on the CPU");
        });
    }

    @Test
    void memoryStaysFlat() {
        SequenceShards shards = SequenceShards.of(PATTERN, 47, 3);
        AttentionSpec spec = AttentionSpec.of(PATTERN, false, 4);
        ThreadRanks.run(3, group -> {
            AttentionKernel kernel = AttentionKernel.over(group, shards, AttentionKernel.ATEN);
            AttentionSpec here = spec.withStart(shards.start(group.rank()));
            Tensor packed = Tensors.randn(F64, 2, shards.count(group.rank()), 10, 4);
            PackedAttention.Parts parts = PackedAttention.Parts.of(packed, 6);
            Tensor q = parts.q(), k = parts.k();
            long pointers = 0, bytes = 0;
            for (int i = 0; i <= 600; i++) {
                try (Scope step = new Scope()) {
                    AttentionKernel.Result r = kernel.forward(q, k, k, here);
                    kernel.backward(q, q, k, k, r.out(), r.lse(), here);
                    kernel.backwardPacked(q, packed, 6, r.out(), r.lse(), here);
                }
                group.barrier(); // others free what they made before they come here
                if (i == 100 && group.rank() == 0) {
                    System.gc();
                    pointers = Pointer.totalCount();
                    bytes = Pointer.totalBytes();
                }
                group.barrier();
            }
            if (group.rank() == 0) {
                assertThat(Pointer.totalCount()).isLessThanOrEqualTo(pointers + 8);
                assertThat(Pointer.totalBytes()).isLessThanOrEqualTo(bytes + 4096);
            }
        });
    }
}
