package dev.longnet.ranks;

import dev.longnet.tensor.Pending;
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

    Running allToAll(Tensor out, Tensor in, long[] outRows, long[] inRows);

    Running reduceScatter(Tensor out, Tensor in);

    Running allGather(Tensor out, Tensor in);

    Running allReduce(Tensor sum);

    Running broadcast(Tensor tensor, int root);

    /** Gives up what is under way. */
    void abort();

    @Override
    void close();
}
