package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention over ranks against the plain kernel on the whole sequence, on shapes that nothing divides. */
class ShardedAttentionTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));

    static IntStream seeds() {
        return IntStream.range(0, 120);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void equalsTheWholeSequence(int seed) {
        Random random = new Random(seed);
        int batch = 1 + random.nextInt(3), length = 8 + random.nextInt(120);
        int kvHeads = 1 + random.nextInt(4),
                heads = kvHeads * (1 + random.nextInt(4)),
                dim = 2 * (1 + random.nextInt(9));
        List<Branch> branches = new ArrayList<>();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            int w = 1 + random.nextInt(random.nextInt(3) == 0 ? 200 : 60);
            branches.add(new Branch(w, 1 + random.nextInt(Math.min(w, 13))));
        }
        boolean causal = random.nextInt(3) > 0;
        DilationPattern pattern = new DilationPattern(branches);
        AttentionSpec spec = AttentionSpec.of(pattern, causal, dim);
        if (causal && random.nextBoolean()) { // some so strong that a shard is more than factors span
            spec = spec.withDamping(new Rotary(dim, 10_000, 1 + random.nextInt(20)));
        }
        int ranks = 2 + random.nextInt(7);
        SequenceShards shards =
                random.nextBoolean() ? SequenceShards.of(pattern, length, ranks) : anywhere(random, length, ranks);
        AttentionKernel kernel = random.nextInt(4) == 0 ? AttentionKernel.REFERENCE : AttentionKernel.AUTO;
        Compute.seed(seed);
        try (Scope scope = new Scope()) {
            Tensor packed = Tensors.randn(F64, batch, length, heads + 2L * kvHeads, dim);
            PackedAttention.Parts parts = PackedAttention.Parts.of(packed, heads);
            Tensor dout = Tensors.randn(F64, batch, length, heads, dim);
            ShardedCase inputs = new ShardedCase(parts.q(), parts.k(), parts.v(), dout, spec);
            ShardedCase.Answers exact = inputs.whole(AttentionKernel.REFERENCE);
            inputs.over(shards, kernel)
                    .errors(exact)
                    .forEach((name, error) -> assertThat(error)
                            .as(name + " of B, N, H, D " + Arrays.toString(Tensors.shape(dout)) + " Hk " + kvHeads + " "
                                    + inputs.spec() + " over " + shards)
                            .isLessThan(1e-11));
        }
    }

    private static SequenceShards anywhere(Random random, int length, int ranks) {
        List<Long> starts = new ArrayList<>(List.of(0L));
        random.longs(1, length).distinct().limit(ranks - 1).sorted().forEach(starts::add);
        return new SequenceShards(length, starts);
    }
}
