package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionKernel.Gradients;
import dev.longnet.attention.AttentionKernel.Result;
import dev.longnet.attention.Damping.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Guard;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tables of pieces that a GPU's kernel reads, read here in its place: kernel aten over them against the plain one. */
class PiecesTest {
    private static final TensorOptions F64 = Scope.own(Tensors.options(ScalarType.Double, Tensors.cpu()));

    static IntStream seeds() {
        return IntStream.range(0, 80);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void everyRowFindsItsPieces(int seed) {
        Random random = new Random(seed);
        int batch = 1 + random.nextInt(3), length = 1 + random.nextInt(70);
        int kvHeads = 1 + random.nextInt(4), heads = kvHeads * (1 + random.nextInt(3)), dim = 1 + random.nextInt(5);
        List<Branch> branches = new ArrayList<>();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            int w = 1 + random.nextInt(40);
            branches.add(new Branch(w, 1 + random.nextInt(Math.min(w, 9))));
        }
        branches.add(branches.get(0)); // two of one kind
        AttentionSpec spec = AttentionSpec.of(new DilationPattern(branches), random.nextBoolean(), dim);
        if (seed % 3 == 0) {
            spec = spec.withLengths(random.longs(batch, 0, length + 1L).toArray());
        }
        if (random.nextBoolean()) {
            spec = spec.withStart(random.nextInt(90));
        }
        AtenDevice device = new Reader(seed % 2 == 0 ? Long.MAX_VALUE : 1 + random.nextInt(4));
        Compute.seed(seed);
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.randn(F64, batch, length, heads, dim),
                    k = Tensors.randn(F64, batch, length, kvHeads, dim);
            Tensor v = Tensors.randn(F64, batch, length, kvHeads, dim), dout = Tensors.randn(F64, Tensors.shape(q));
            Result want = AttentionKernel.REFERENCE.forward(q, k, v, spec);
            Result got = AtenKernel.forward(device, q, k, v, spec);
            String what = Arrays.toString(Tensors.shape(q)) + " Hk " + kvHeads + " " + spec;
            assertClose(got.out(), want.out(), what);
            assertClose(finite(got.lse()), finite(want.lse()), what);
            Gradients w = AttentionKernel.REFERENCE.backward(dout, q, k, v, want.out(), want.lse(), spec);
            Gradients g = AtenKernel.backward(device, dout, q, k, v, got.out(), got.lse(), spec);
            assertClose(g.dq(), w.dq(), what);
            assertClose(g.dk(), w.dk(), what);
            assertClose(g.dv(), w.dv(), what);
        }
    }

    private static void assertClose(Tensor got, Tensor want, String what) {
        assertThat(Tensors.relativeError(got, want)).as(what).isLessThan(1e-11);
    }

    private static Tensor finite(Tensor lse) {
        return lse.masked_fill(lse.isinf(), new Scalar(-1e3));
    }

    /** A CPU's operators, with pieces brought together as aten/join.cu does it. */
    private record Reader(long longestAxis) implements AtenDevice {
        @Override
        public Tensor rows(Tensor tensor) {
            return CPU.rows(tensor);
        }

        @Override
        public Guard whileAttending() {
            return CPU.whileAttending();
        }

        @Override
        public Aten.Flash attend(Tensor q, Tensor k, Tensor v, boolean causal, double scale, boolean again) {
            assertThat(Math.max(q.size(0), q.size(1))).isLessThanOrEqualTo(longestAxis);
            Aten.Flash flash = CPU.attend(q, k, v, causal, scale, again);
            return new Aten.Flash(flash.out(), flash.lse().contiguous()); // as on a GPU
        }

        @Override
        public Aten.FlashGradients gradients(
                Tensor dout,
                Tensor q,
                Tensor k,
                Tensor v,
                Tensor out,
                Tensor lse,
                boolean causal,
                double scale,
                boolean again) {
            return CPU.gradients(dout, q, k, v, out, lse, causal, scale, again);
        }

        @Override
        public Merged merged(Tensor q, List<Branch> branches, long start) {
            Pieces pieces = new Pieces(q, branches, start);
            return new Merged() {
                @Override
                public void add(StridedView view, Part part, int branch, Aten.Flash attended, Scope scope) {
                    pieces.add(view, branch, scope.keep(attended.out()), scope.keep(attended.lse()));
                }

                @Override
                public Result result() {
                    long b = q.size(0), n = q.size(1), h = q.size(2), d = q.size(3);
                    double[] lse = new double[(int) (b * n * h)];
                    Tensor out =
                            Tensors.of(join(q, pieces.table(), branches.size(), 1, lse), Tensors.cpu(), b, n, h, d);
                    return new Result(
                            out, Tensors.of(lse, Tensors.cpu(), b, n, h).transpose(1, 2));
                }
            };
        }

        @Override
        public Summed summed(Tensor like, List<Branch> branches, long start) {
            Pieces pieces = new Pieces(like, branches, start);
            return new Summed() {
                @Override
                public void add(StridedView view, Part part, int branch, long from, Tensor rows, Scope scope) {
                    pieces.add(view, branch, scope.keep(rows), null);
                }

                @Override
                public Tensor result(int heads) {
                    int group = (int) like.size(2) / heads;
                    double[] sums = join(like, pieces.table(), branches.size(), group, null);
                    return Tensors.of(sums, Tensors.cpu(), like.size(0), like.size(1), heads, like.size(3));
                }
            };
        }
    }

    /** The kernel, one row and head after another; it weighs where lse, which it writes, is given. */
    private static double[] join(Tensor like, long[] table, int branches, int group, double[] lse) {
        int batch = (int) like.size(0), length = (int) like.size(1), heads = (int) like.size(2);
        int dim = (int) like.size(3), own = heads / group;
        double[] out = new double[batch * length * own * dim], row = new double[dim];
        for (int i = 0; i < batch * length * own; i++) {
            int h = i % own * group, n = i / own % length, b = i / own / length;
            double total = 0;
            for (int k = 0; k < branches; k++) {
                long w = (int) table[4 * k], r = table[4 * k + 1], sharing = table[4 * k + 2], first = table[4 * k + 3];
                long place = n + (table[4 * k] >> 32), residue = place % w % r, at = place % w / r;
                for (int j = h; j < h + group; j++) {
                    int piece = 4 * (int) (first + (place / w * batch + b) * heads + j);
                    if (j / sharing != residue || at >= table[piece + 3]) {
                        continue;
                    }
                    new DoublePointer(new Address(table[piece] + 8 * at * table[piece + 2])).get(row);
                    double weight =
                            lse == null ? 1 : Math.exp(new DoublePointer(new Address(table[piece + 1] + 8 * at)).get());
                    total += weight;
                    for (int d = 0; d < dim; d++) {
                        out[i * dim + d] += weight * row[d];
                    }
                }
            }
            if (lse != null) {
                lse[i] = Math.log(total);
                for (int d = 0; d < dim && total > 0; d++) {
                    out[i * dim + d] /= total;
                }
            }
        }
        return out;
    }

    private static final class Address extends Pointer {
        Address(long address) {
            this.address = address;
        }
    }
}
