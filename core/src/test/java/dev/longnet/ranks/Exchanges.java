package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What every kind of exchange must give, whatever it travels over; each method runs on every rank of a group. */
final class Exchanges {
    private static final int[] COUNTS = {1, 2, 7, 1023, 100_003};

    private final RankGroup group;
    private final Device device;
    private final int rank, size;

    Exchanges(RankGroup group, Device device) {
        this.group = group;
        this.device = device;
        rank = group.rank();
        size = group.size();
    }

    /** All kinds, in odd sizes and none, in several types. */
    void check() {
        for (ScalarType type :
                new ScalarType[] {ScalarType.Float, ScalarType.Double, ScalarType.BFloat16, ScalarType.Long}) {
            TensorOptions options = Tensors.options(type, device);
            try (Scope scope = new Scope()) {
                for (int columns : new int[] {1, 3, 4097}) {
                    allToAll(options, columns);
                }
                for (int n : COUNTS) {
                    sums(options, n);
                    moves(options, n);
                }
            }
        }
        nothing();
        sums();
        small();
        overlapping();
    }

    /** Rank i sends (i + 2j) mod 5 rows to rank j, each filled with 10 i + j. */
    private void allToAll(TensorOptions options, int columns) {
        long[] to = new long[size], from = new long[size];
        Arrays.setAll(to, j -> (rank + 2 * j) % 5);
        Arrays.setAll(from, i -> (i + 2 * rank) % 5);
        Tensor in = Tensors.empty(options, Arrays.stream(to).sum(), columns);
        Tensor expected = Tensors.empty(options, Arrays.stream(from).sum(), columns);
        long at = 0, there = 0, elsewhere = 0;
        for (int i = 0; i < size; i++) {
            in.narrow(0, at, to[i]).fill_(new Scalar(10L * rank + i));
            expected.narrow(0, there, from[i]).fill_(new Scalar(10L * i + rank));
            at += to[i];
            there += from[i];
            elsewhere += i == rank ? 0 : to[i];
        }
        Tensor out = Tensors.full(-1, options, Arrays.stream(from).sum(), columns);
        long before = group.bytesSent();
        group.allToAll(out, in, from, to).await();
        assertThat(out.equal(expected)).isTrue();
        assertThat(group.bytesSent() - before).isEqualTo(elsewhere * columns * in.element_size());
    }

    private void sums(TensorOptions options, int n) {
        Tensor in = Tensors.range(0, (long) n * size, options)
                .remainder(new Scalar(5L))
                .add_(new Scalar((long) rank));
        Tensor base = Tensors.range(0, (long) n * size, options).remainder(new Scalar(5L));
        Tensor total = base.mul(new Scalar((long) size)).add_(new Scalar(size * (size - 1) / 2L));
        Tensor out = Tensors.full(-1, options, n);
        long before = group.bytesSent();
        group.reduceScatter(out, in).await();
        assertThat(out.equal(total.narrow(0, (long) rank * n, n))).isTrue();
        assertThat(group.bytesSent() - before).isEqualTo((size - 1) * n * in.element_size());
        before = group.bytesSent();
        group.allReduce(in).await();
        assertThat(in.equal(total)).isTrue();
        assertThat(group.bytesSent() - before).isEqualTo(2 * in.numel() * in.element_size() * (size - 1) / size);
    }

    private void moves(TensorOptions options, int n) {
        Tensor expected = Tensors.empty(options, size, n);
        for (int i = 0; i < size; i++) {
            expected.select(0, i).fill_(new Scalar(1L + i));
        }
        Tensor in = expected.select(0, rank).clone(), out = Tensors.full(-1, options, size, n);
        long before = group.bytesSent();
        group.allGather(out, in).await();
        assertThat(out.equal(expected)).isTrue();
        assertThat(group.bytesSent() - before).isEqualTo((size - 1) * n * in.element_size());

        Tensor within = Tensors.full(-1, options, size, n);
        within.select(0, rank).copy_(in);
        group.allGather(within, within.select(0, rank)).await();
        assertThat(within.equal(expected)).isTrue();

        for (int root = 0; root < size; root++) {
            Tensor given = in.clone();
            before = group.bytesSent();
            group.broadcast(given, root).await();
            assertThat(given.equal(expected.select(0, root))).isTrue();
            assertThat(group.bytesSent() - before).isEqualTo(rank == root ? (size - 1) * n * in.element_size() : 0);
        }
    }

    /** Tensors without numbers, and rows that only one rank has. */
    private void nothing() {
        TensorOptions options = Tensors.options(ScalarType.Float, device);
        Tensor none = Tensors.empty(options, 0), rows = Tensors.empty(options, 0, 3);
        long[] zeros = new long[size];
        group.allToAll(rows, rows, zeros, zeros).await();
        group.allToAll(Tensors.empty(options, size, 0), Tensors.empty(options, size, 0), ones(), ones())
                .await();
        group.reduceScatter(none, none).await();
        group.allGather(none, none).await();
        group.allReduce(none).await();
        group.broadcast(none, 0).await();
        // Only the last rank sends, and only to the first.
        long[] from = new long[size], to = new long[size];
        if (rank == 0) {
            from[size - 1] = 2;
        }
        if (rank == size - 1) {
            to[0] = 2;
        }
        Tensor out = Tensors.full(-1, options, Arrays.stream(from).sum(), 3);
        Tensor in = Tensors.full(7, options, Arrays.stream(to).sum(), 3);
        group.allToAll(out, in, from, to).await();
        assertThat(out.equal(Tensors.full(7, options, out.size(0), 3))).isTrue();
    }

    private long[] ones() {
        long[] ones = new long[size];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** Sums whose rounding depends on the order are the same to the bit on every rank. */
    private void sums() {
        for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
            int n = 10_007;
            Tensor sum = Tensors.range(1 + rank, n + 1 + rank, Tensors.options(ScalarType.Double, device))
                    .reciprocal()
                    .to(type);
            Tensor first = sum.clone();
            group.allReduce(sum).await();
            Tensor all = Tensors.empty(Tensors.like(sum), size, n);
            group.allGather(all, sum).await();
            for (int i = 0; i < size; i++) {
                assertThat(all.select(0, i).equal(sum)).isTrue();
            }
            // Summed in float32 and rounded once: one rounding from the sum in float64.
            group.allGather(all, first).await();
            double[] exact = Tensors.doubles(all), got = Tensors.doubles(sum);
            double unit = type == ScalarType.Float ? 0x1p-22 : 0x1p-8;
            for (int k = 0; k < n; k++) {
                double wanted = 0;
                for (int i = 0; i < size; i++) {
                    wanted += exact[i * n + k];
                }
                assertThat(Math.abs(got[k] - wanted)).isLessThanOrEqualTo(unit * wanted);
            }
        }
    }

    private void small() {
        long[][] all = group.allGather(rank, -rank, Long.MIN_VALUE);
        for (int i = 0; i < size; i++) {
            assertThat(all[i]).containsExactly(i, -i, Long.MIN_VALUE);
        }
        assertThat(group.allGather()).hasNumberOfRows(size);
        group.barrier();
    }

    /** Several under way at once, awaited in another order, and twice. */
    private void overlapping() {
        TensorOptions options = Tensors.options(ScalarType.Float, device);
        int n = 300_001, under = 4;
        Tensor[] sums = new Tensor[under];
        Exchange[] exchanges = new Exchange[under];
        for (int k = 0; k < under; k++) {
            sums[k] = Tensors.full(rank + k, options, n);
            exchanges[k] = group.allReduce(sums[k]);
        }
        for (int k = under - 1; k >= 0; k--) {
            exchanges[k].await();
            exchanges[k].await();
            assertThat(sums[k].equal(Tensors.full(size * (size - 1) / 2.0 + size * k, options, n)))
                    .isTrue();
        }
    }
}
