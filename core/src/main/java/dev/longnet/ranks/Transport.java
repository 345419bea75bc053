package dev.longnet.ranks;

import dev.longnet.tensor.Pending;
import dev.longnet.tensor.ProcessGroup;
import org.bytedeco.pytorch.Tensor;

/** How a group's tensors travel, once its ranks agree. Nothing is empty here but rows of an all-to-all. */
interface Transport extends AutoCloseable {
    /**
     * An exchange under way.
     *
     * @param then what to do on this rank when it is done
     * @param memory tensor of its own that is closed after that, or null
     */
    record Running(Pending pending, Runnable then, Tensor memory) {
        Running(Pending pending) {
            this(pending, () -> {}, null);
        }
    }

    /** libtorch's group, whose own operations serve where there is no better way. */
    ProcessGroup group();

    default Running allToAll(Tensor out, Tensor in, long[] outRows, long[] inRows) {
        return new Running(group().allToAll(out, in, outRows, inRows));
    }

    default Running reduceScatter(Tensor out, Tensor in) {
        return new Running(group().reduceScatter(out, in));
    }

    default Running allGather(Tensor out, Tensor in) {
        return new Running(group().allGather(out, in));
    }

    default Running allReduce(Tensor sum) {
        return new Running(group().allReduce(sum));
    }

    default Running broadcast(Tensor tensor, int root) {
        return new Running(group().broadcast(tensor, root));
    }

    /** Gives up what is under way. */
    default void abort() {
        group().abort();
    }

    @Override
    default void close() {
        group().close();
    }
}
