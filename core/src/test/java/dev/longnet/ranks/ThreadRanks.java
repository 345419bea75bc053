package dev.longnet.ranks;

import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.pytorch.Tensor;

/** Ranks that are threads of this JVM, for tests of what is computed over them: they copy from each other's tensors. */
public final class ThreadRanks {
    private static final long SECONDS = 120;

    private final int size;
    private final CyclicBarrier barrier;
    private final Object[] given;
    private final Map<Integer, ThreadRanks> parts = new ConcurrentHashMap<>();

    private ThreadRanks(int size) {
        this.size = size;
        barrier = new CyclicBarrier(size);
        given = new Object[size];
    }

    /** What one rank does. */
    public interface Body {
        void run(RankGroup group) throws Exception;
    }

    /** Runs the body once on each of {@code size} ranks and throws what the first to fail has thrown. */
    public static void run(int size, Body body) {
        ThreadRanks ranks = new ThreadRanks(size);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            RankGroup group = ranks.new Member(i);
            Thread thread = new Thread(
                    () -> {
                        try (Scope scope = new Scope()) {
                            body.run(group);
                        } catch (Throwable e) {
                            failure.compareAndSet(null, e);
                            ranks.breakUp();
                        }
                    },
                    "rank " + i);
            threads.add(thread);
            thread.start();
        }
        try {
            for (Thread thread : threads) {
                thread.join();
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        if (failure.get() != null) {
            throw new AssertionError("a rank failed: " + failure.get(), failure.get());
        }
    }

    /** Ranks that give the same number form a group, in their order. All call it. */
    public static RankGroup split(RankGroup group, int part) {
        return ((Member) group).split(part);
    }

    /** Breaks the barrier for all, now and later. */
    private void breakUp() {
        parts.values().forEach(ThreadRanks::breakUp);
        Thread.currentThread().interrupt();
        try {
            barrier.await();
        } catch (InterruptedException | BrokenBarrierException e) {
            // as intended
        }
    }

    private void meet() {
        try {
            barrier.await(SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
            throw new AssertionError("another rank did not come", e);
        }
    }

    private final class Member implements RankGroup {
        private final int rank;
        private long sent;

        Member(int rank) {
            this.rank = rank;
        }

        @Override
        public int rank() {
            return rank;
        }

        @Override
        public int size() {
            return size;
        }

        private RankGroup split(int part) {
            long[][] all = allGather(part);
            int count = 0, place = 0;
            for (int i = 0; i < size; i++) {
                if (all[i][0] == part) {
                    place = i == rank ? count : place;
                    count++;
                }
            }
            int ranks = count;
            return parts.computeIfAbsent(part, none -> new ThreadRanks(ranks)).new Member(place);
        }

        private interface Use {
            void accept(Object[] all);
        }

        /** Shows the others something, uses what they show, and waits until all have done so. */
        private void share(Object mine, Use use) {
            given[rank] = mine;
            meet();
            try (var off = Gradient.off();
                    Scope scope = new Scope()) {
                use.accept(given);
            }
            meet();
        }

        /** Starts at once and ends when awaited, as a real exchange may. */
        private Exchange later(Object mine, Use use) {
            return () -> share(mine, use);
        }

        private record Sent(Tensor rows, long[] counts) {}

        @Override
        public Exchange allToAll(Tensor out, Tensor in, long[] outRows, long[] inRows) {
            check(out, outRows);
            check(in, inRows);
            for (int i = 0; i < size; i++) {
                sent += i == rank ? 0 : inRows[i] * rowBytes(in);
            }
            return later(new Sent(in, inRows.clone()), all -> {
                long at = 0;
                for (int i = 0; i < size; i++) {
                    Sent from = (Sent) all[i];
                    if (from.counts[rank] != outRows[i]) {
                        throw new AssertionError("rank " + i + " sends " + from.counts[rank] + " rows to rank " + rank
                                + ", which expects " + outRows[i]);
                    }
                    long first = Arrays.stream(from.counts, 0, rank).sum();
                    out.narrow(0, at, outRows[i]).copy_(from.rows.narrow(0, first, outRows[i]));
                    at += outRows[i];
                }
            });
        }

        private void check(Tensor rows, long[] counts) {
            if (counts.length != size || Arrays.stream(counts).sum() != rows.size(0) || !rows.is_contiguous()) {
                throw new AssertionError(Arrays.toString(counts) + " rows of " + Arrays.toString(Tensors.shape(rows))
                        + " for " + size + " ranks");
            }
        }

        private long rowBytes(Tensor rows) {
            return rows.size(0) == 0 ? 0 : rows.numel() / rows.size(0) * rows.element_size();
        }

        @Override
        public Exchange reduceScatter(Tensor out, Tensor in) {
            long n = out.numel();
            if (in.numel() != n * size) {
                throw new AssertionError(in.numel() + " numbers are not " + size + " times " + n);
            }
            sent += n * (size - 1) * in.element_size();
            return later(in, all -> {
                Tensor sum = ((Tensor) all[0]).view(-1).narrow(0, rank * n, n).clone();
                for (int i = 1; i < size; i++) {
                    sum.add_(((Tensor) all[i]).view(-1).narrow(0, rank * n, n));
                }
                out.view(-1).copy_(sum);
            });
        }

        @Override
        public Exchange allGather(Tensor out, Tensor in) {
            long n = in.numel();
            if (out.numel() != n * size) {
                throw new AssertionError(out.numel() + " numbers are not " + size + " times " + n);
            }
            sent += n * (size - 1) * in.element_size();
            return later(in, all -> {
                for (int i = 0; i < size; i++) {
                    out.view(-1).narrow(0, i * n, n).copy_(((Tensor) all[i]).view(-1));
                }
            });
        }

        @Override
        public Exchange allReduce(Tensor sum) {
            sent += 2 * sum.numel() * sum.element_size() * (size - 1) / size;
            return () -> {
                Tensor[] total = new Tensor[1];
                try (Scope scope = new Scope()) {
                    share(sum, all -> {
                        total[0] = ((Tensor) all[0]).clone();
                        for (int i = 1; i < size; i++) {
                            total[0].add_((Tensor) all[i]);
                        }
                        Scope.own(total[0]);
                    });
                    try (var off = Gradient.off()) {
                        sum.copy_(total[0]);
                    }
                    total[0].close();
                }
            };
        }

        @Override
        public Exchange broadcast(Tensor tensor, int root) {
            sent += rank == root ? tensor.numel() * tensor.element_size() * (size - 1) : 0;
            return later(tensor, all -> {
                if (rank != root) {
                    tensor.copy_((Tensor) all[root]);
                }
            });
        }

        @Override
        public long[][] allGather(long... numbers) {
            long[][] result = new long[size][];
            share(numbers.clone(), all -> {
                for (int i = 0; i < size; i++) {
                    result[i] = (long[]) all[i];
                }
            });
            return result;
        }

        @Override
        public void barrier() {
            share(null, all -> {});
        }

        @Override
        public long bytesSent() {
            return sent;
        }
    }
}
