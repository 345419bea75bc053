package dev.longnet.ranks;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.ranks.Call.Kind;
import dev.longnet.ranks.Transport.Running;
import dev.longnet.tensor.Tensors;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A group of processes: they agree on a call, then their tensors travel. */
final class ProcessRanks implements RankGroup, AutoCloseable {
    private static final Exchange DONE = () -> {};

    private final int rank, size;
    private final boolean onGpu;
    private final Watch watch;
    private final Duration limit;
    private final Agreement agreement;
    private final Transport transport;
    private long sent;

    ProcessRanks(
            int rank, int size, boolean onGpu, Watch watch, Duration limit, Agreement agreement, Transport transport) {
        this.rank = rank;
        this.size = size;
        this.onGpu = onGpu;
        this.watch = watch;
        this.limit = limit;
        this.agreement = agreement;
        this.transport = transport;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public Exchange allToAll(Tensor out, Tensor in, long[] outRows, long[] inRows) {
        checkRows("out", out, outRows);
        checkRows("in", in, inRows);
        checkTypes(out, in);
        long row = numbersOfRow(in);
        requireArgument(
                row == numbersOfRow(out),
                "rows of %d numbers cannot become rows of %d; give out and in rows of one shape",
                row,
                numbersOfRow(out));
        Call call = new Call(Kind.ALL_TO_ALL, Tensors.type(in).value, row, 0, outRows.clone(), inRows.clone());
        long rows = Arrays.stream(inRows).sum() - inRows[rank];
        return start(call, rows * row * in.element_size(), () -> transport.allToAll(out, in, outRows, inRows));
    }

    private void checkRows(String name, Tensor rows, long[] counts) {
        check(rows);
        requireArgument(
                counts.length == size && Arrays.stream(counts).allMatch(n -> n >= 0),
                "%sRows must be %d numbers of rows, got %s; give one for each rank",
                name,
                size,
                Arrays.toString(counts));
        requireArgument(
                rows.dim() > 0 && Arrays.stream(counts).sum() == rows.size(0),
                "%sRows %s do not add up to the rows of a tensor of shape %s",
                name,
                Arrays.toString(counts),
                Arrays.toString(Tensors.shape(rows)));
    }

    private static long numbersOfRow(Tensor rows) {
        return Arrays.stream(Tensors.shape(rows)).skip(1).reduce(1, (a, b) -> a * b);
    }

    private void check(Tensor tensor) {
        requireArgument(
                tensor.is_contiguous() && tensor.is_cuda() == onGpu,
                "ranks exchange contiguous tensors on their own device (%s), got one %s with strides %s; copy it first",
                onGpu ? "an NVIDIA GPU" : "cpu",
                Tensors.deviceName(tensor),
                Arrays.toString(strides(tensor)));
    }

    private static long[] strides(Tensor tensor) {
        long[] strides = new long[(int) tensor.dim()];
        Arrays.setAll(strides, tensor::stride);
        return strides;
    }

    private static void checkTypes(Tensor out, Tensor in) {
        ScalarType into = Tensors.type(out), from = Tensors.type(in);
        requireArgument(into == from, "%s numbers cannot be exchanged into %s; convert first", from, into);
    }

    /** Checks that one tensor has {@code size} times as many numbers as another. */
    private void checkParts(Tensor whole, Tensor part) {
        check(whole);
        check(part);
        checkTypes(whole, part);
        requireArgument(
                whole.numel() == part.numel() * size,
                "%d numbers are not %d ranks times %d",
                whole.numel(),
                size,
                part.numel());
    }

    @Override
    public Exchange reduceScatter(Tensor out, Tensor in) {
        checkParts(in, out);
        long bytes = out.numel() * (size - 1) * in.element_size();
        return start(call(Kind.REDUCE_SCATTER, out, 0), bytes, () -> transport.reduceScatter(out, in));
    }

    @Override
    public Exchange allGather(Tensor out, Tensor in) {
        checkParts(out, in);
        long bytes = in.numel() * (size - 1) * in.element_size();
        return start(call(Kind.ALL_GATHER, in, 0), bytes, () -> transport.allGather(out, in));
    }

    @Override
    public Exchange allReduce(Tensor sum) {
        check(sum);
        long bytes = 2 * sum.numel() * sum.element_size() * (size - 1) / size;
        return start(call(Kind.ALL_REDUCE, sum, 0), bytes, () -> transport.allReduce(sum));
    }

    @Override
    public Exchange broadcast(Tensor tensor, int root) {
        check(tensor);
        requireArgument(root >= 0 && root < size, "a group of %d has no rank %d to broadcast from", size, root);
        long bytes = rank == root ? tensor.numel() * tensor.element_size() * (size - 1) : 0;
        return start(call(Kind.BROADCAST, tensor, root), bytes, () -> transport.broadcast(tensor, root));
    }

    private static Call call(Kind kind, Tensor tensor, int root) {
        return Call.of(kind, Tensors.type(tensor), tensor.numel(), root);
    }

    private Exchange start(Call call, long bytes, Supplier<Running> begin) {
        agreement.agree(call, limit);
        if (call.count() == 0) {
            return DONE;
        }
        sent += bytes;
        return new Started(call, begin.get());
    }

    @Override
    public long[][] allGather(long... numbers) {
        Call call = Call.of(Kind.NUMBERS, ScalarType.Long, numbers.length);
        agreement.agree(call, limit);
        return numbers.length == 0 ? new long[size][0] : agreement.gather(numbers, call, limit);
    }

    @Override
    public void barrier() {
        agreement.agree(Call.of(Kind.BARRIER, ScalarType.Long, 0), Wait.FOREVER);
    }

    @Override
    public long bytesSent() {
        return sent;
    }

    /** Gives up what is under way. */
    void abort() {
        transport.abort();
        agreement.close();
    }

    @Override
    public void close() {
        transport.close();
        agreement.close();
    }

    private final class Started implements Exchange {
        private final Call call;
        private Running running;

        Started(Call call, Running running) {
            this.call = call;
            this.running = running;
        }

        @Override
        public void await() {
            if (running == null) {
                return;
            }
            Running now = running;
            running = null;
            new Wait(watch, call, limit).until(now.pending());
            now.then().run();
            if (now.memory() != null) {
                now.memory().close();
            }
        }
    }
}
