package dev.longnet.ranks;

import dev.longnet.LongNetException;
import dev.longnet.tensor.Pending;
import dev.longnet.tensor.ProcessGroup;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.nio.LongBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Agreement of a group's ranks on what they call, before they do it.
 *
 * <p>Each rank sends every other one number of 64 bits, and all add up what they have: a sum of Σ v(i)·digest(call i) with
 * Σ v(i) = 0, which is zero when the calls are the same, and of w(i, j)·(rows that i says it sends to j − rows that j says
 * come from i), with v and w as if drawn by chance. So one message a pair holds a matrix of rows against another, and all
 * ranks see the same sum. Where it is not zero they exchange what they called and all throw one message.
 */
final class Agreement implements AutoCloseable {
    private static final TensorOptions LONGS = Scope.own(Tensors.options(ScalarType.Long, Tensors.cpu()));

    private final ProcessGroup group;
    private final Watch watch;
    private final int[] members;
    private final Tensor sent, got;
    private final LongBuffer sentNumbers, gotNumbers;

    /** @param members the group's ranks, as numbers among all */
    Agreement(ProcessGroup group, Watch watch, int[] members) {
        this.group = group;
        this.watch = watch;
        this.members = members;
        try (Scope scope = new Scope()) {
            sent = Scope.own(Tensors.empty(LONGS, members.length));
            got = Scope.own(Tensors.empty(LONGS, members.length));
        }
        sentNumbers = numbers(sent);
        gotNumbers = numbers(got);
    }

    private static LongBuffer numbers(Tensor tensor) {
        try (Scope scope = new Scope()) {
            return Tensors.bytes(tensor, 0, Math.toIntExact(tensor.numel() * Long.BYTES))
                    .asLongBuffer();
        }
    }

    /**
     * Returns once all ranks make this call.
     *
     * @param limit longest wait for them
     * @throws LongNetException if they make other ones, the same on all
     */
    void agree(Call call, Duration limit) {
        long mine = share(call);
        for (int i = 0; i < members.length; i++) {
            sentNumbers.put(i, mine);
        }
        await(group.allToAll(got, sent), call, limit);
        long sum = 0;
        for (int i = 0; i < members.length; i++) {
            sum += gotNumbers.get(i);
        }
        if (sum != 0) {
            String difference = difference(call, limit);
            watch.end(difference);
            throw new LongNetException(difference);
        }
    }

    /** This rank's part of the sum. */
    private long share(Call call) {
        int size = members.length, me = group.rank();
        long sum = weight(me) * call.digest();
        for (int i = 0; i < call.inRows().length; i++) {
            sum += weight(me, i) * call.inRows()[i] - weight(i, me) * call.outRows()[i];
        }
        return sum;
    }

    private long weight(int rank) {
        if (rank < members.length - 1) {
            return Call.mix(rank) | 1;
        }
        long sum = 0;
        for (int i = 0; i < rank; i++) {
            sum -= weight(i);
        }
        return sum;
    }

    private long weight(int from, int to) {
        return Call.mix(~((long) from * members.length + to)) | 1;
    }

    /** Gathers numbers of all ranks, as many of each. */
    long[][] gather(long[] numbers, Call call, Duration limit) {
        int n = numbers.length;
        try (Scope scope = new Scope()) {
            Tensor mine = Tensors.of(numbers, Tensors.cpu()), all = Tensors.empty(LONGS, (long) n * members.length);
            await(group.allGather(all, mine), call, limit);
            long[] flat = Tensors.longs(all);
            long[][] rows = new long[members.length][];
            Arrays.setAll(rows, i -> Arrays.copyOfRange(flat, i * n, (i + 1) * n));
            return rows;
        }
    }

    private void await(Pending pending, Call call, Duration limit) {
        new Wait(watch, call, limit).until(pending);
    }

    private String difference(Call call, Duration limit) {
        long[][] rows = gather(call.toNumbers(members.length), call, limit);
        Call[] calls = Arrays.stream(rows).map(Call::fromNumbers).toArray(Call[]::new);
        Map<String, StringJoiner> who = new LinkedHashMap<>();
        for (int i = 0; i < calls.length; i++) {
            who.computeIfAbsent(calls[i].toString(), text -> new StringJoiner(", "))
                    .add(watch.name(members[i]));
        }
        if (who.size() > 1) {
            StringJoiner text = new StringJoiner("; ");
            who.forEach((what, names) -> text.add(names + (names.length() > 0 ? ": " : "") + what));
            return "the ranks do not call the same (" + text + "); all ranks of a group make the same calls in the same"
                    + " order, with tensors that fit";
        }
        for (int from = 0; from < calls.length; from++) {
            for (int to = 0; to < calls.length; to++) {
                long gives = calls[from].inRows()[to], takes = calls[to].outRows()[from];
                if (gives != takes) {
                    return watch.name(members[from]) + " sends " + gives + " rows to " + watch.name(members[to])
                            + ", which expects " + takes + " (" + call + ")";
                }
            }
        }
        throw new AssertionError("the sum is not zero and all calls are the same: " + call);
    }

    @Override
    public void close() {
        sent.close();
        got.close();
        group.close();
    }
}
