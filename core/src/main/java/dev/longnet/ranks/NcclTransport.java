package dev.longnet.ranks;

import dev.longnet.tensor.ProcessGroup;
import org.bytedeco.pytorch.Tensor;

/** Between NVIDIA GPUs, by NCCL. */
record NcclTransport(ProcessGroup group) implements Transport {
    @Override
    public Running allToAll(Tensor out, Tensor in, long[] outRows, long[] inRows) {
        return new Running(group.allToAll(out, in, outRows, inRows));
    }

    @Override
    public Running reduceScatter(Tensor out, Tensor in) {
        return new Running(group.reduceScatter(out, in));
    }

    @Override
    public Running allGather(Tensor out, Tensor in) {
        return new Running(group.allGather(out, in));
    }

    @Override
    public Running allReduce(Tensor sum) {
        return new Running(group.allReduce(sum));
    }

    @Override
    public Running broadcast(Tensor tensor, int root) {
        return new Running(group.broadcast(tensor, root));
    }

    @Override
    public void abort() {
        group.abort();
    }

    @Override
    public void close() {
        group.close();
    }
}
