package dev.longnet.attention;

import dev.longnet.attention.AttentionKernel.Gradients;
import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Attention and its gradient on a GPU, as tests ask for them. B batch, N length, H and Hk heads, D head dimension. */
record HopperCase(Tensor q, Tensor k, Tensor v, Tensor dout, AttentionSpec spec) {
    /** What a kernel answers. */
    record Answers(Tensor out, Tensor lse, Tensor dq, Tensor dk, Tensor dv) {}

    /** Shapes, patterns, lengths and layouts that nothing divides; another for each seed. */
    static HopperCase random(int seed, Device gpu) {
        Random random = new Random(seed);
        int batch = 1 + random.nextInt(3), length = 1 + random.nextInt(seed % 10 == 0 ? 1500 : 400);
        int kvHeads = 1 + random.nextInt(4), heads = kvHeads * (1 + random.nextInt(3));
        int dim = 8 * (1 + random.nextInt(16));
        boolean causal = random.nextBoolean();
        ScalarType type = seed % 4 == 3 ? ScalarType.Half : ScalarType.BFloat16;
        AttentionSpec spec = AttentionSpec.of(pattern(random, length, seed), causal, dim);
        if (seed % 3 == 0) {
            spec = spec.withLengths(random.longs(batch, 0, length + 1L).toArray());
        }
        Compute.seed(seed);
        return of(packed(gpu, type, batch, length, heads + 2 * kvHeads, dim), heads, spec, seed / 4);
    }

    /** Many tiles of every branch, in bfloat16. */
    static HopperCase large(Device gpu) {
        Compute.seed(1);
        AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("256:1,1024:2,4096:4"), true, 64);
        return of(packed(gpu, ScalarType.BFloat16, 2, 5000, 16, 64), 8, spec, 0);
    }

    static Tensor packed(Device gpu, ScalarType type, long... shape) {
        return Tensors.randn(Tensors.options(ScalarType.Float, gpu), shape).to(type);
    }

    private static HopperCase of(Tensor packed, int heads, AttentionSpec spec, int layouts) {
        PackedAttention.Parts parts = PackedAttention.Parts.of(packed, heads);
        Tensor dout =
                packed(packed.device(), Tensors.type(packed), packed.size(0), packed.size(1), heads, packed.size(3));
        return new HopperCase(
                laidOut(parts.q(), layouts),
                laidOut(parts.k(), layouts),
                laidOut(parts.v(), layouts),
                laidOut(dout, layouts / 4),
                spec);
    }

    /** (B, N, H, D) as it is, row after row, head after head, or feature after feature. */
    private static Tensor laidOut(Tensor tensor, int layout) {
        return switch (layout % 4) {
            case 0 -> tensor;
            case 1 -> tensor.contiguous();
            case 2 -> tensor.transpose(1, 2).contiguous().transpose(1, 2);
            default -> tensor.transpose(2, 3).contiguous().transpose(2, 3);
        };
    }

    /** Up to eight branches, in any order, some of them twice; every other time such as share pairs. */
    private static DilationPattern pattern(Random random, int length, int seed) {
        List<Branch> branches = new ArrayList<>();
        int count = 1 + random.nextInt(4), segment = 1, ratio = 0;
        boolean nested = seed % 2 == 1;
        for (int i = 0; i < count; i++) {
            boolean multiple = nested && i > 0;
            segment = multiple
                    ? segment * (1 + random.nextInt(4))
                    : segment + 1 + random.nextInt(1 + length / (nested ? 8 : 2));
            int next = multiple
                    ? ratio * (1 + random.nextInt(4))
                    : ratio + 1 + (i == 0 ? random.nextInt(2) : random.nextInt(7));
            ratio = Math.min(segment, next);
            branches.add(new Branch(segment, ratio));
        }
        if (seed % 8 == 5) {
            branches.addAll(List.copyOf(branches));
        }
        Collections.shuffle(branches, new Random(seed));
        return new DilationPattern(branches);
    }

    Answers answers(AttentionKernel kernel) {
        Result r = Attention.forward(q, k, v, spec, kernel);
        Gradients g = kernel.backward(dout, q, k, v, r.out(), r.lse(), spec);
        return new Answers(r.out(), r.lse(), g.dq(), g.dk(), g.dv());
    }

    /** The same in float64. */
    HopperCase wide() {
        ScalarType type = ScalarType.Double;
        return new HopperCase(q.to(type), k.to(type), v.to(type), dout.to(type), spec);
    }

    @Override
    public String toString() {
        return "B, N, H, D = " + Arrays.toString(Tensors.shape(q)) + ", Hk = " + k.size(2) + ", " + Tensors.type(q)
                + ", " + spec.pattern() + (spec.causal() ? ", causal" : "") + ", lengths "
                + Arrays.toString(spec.lengths());
    }
}
