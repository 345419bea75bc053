package dev.longnet.tensor;

import dev.longnet.LongNetException;
import java.time.Duration;
import java.util.Arrays;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.Backend;
import org.bytedeco.pytorch.BroadcastOptions;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.GlooDeviceVector;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Work;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_gloo;
import org.bytedeco.pytorch.global.torch_nccl;
import org.bytedeco.pytorch.nccl.ProcessGroupNCCL;

/**
 * libtorch's collective operations, as they are: sizes that differ between processes end one of them, and what waits for a
 * process that is gone waits on. Tensors are contiguous.
 */
public final class ProcessGroup implements AutoCloseable {
    private final Backend backend;
    private final int rank, size;

    private ProcessGroup(Backend backend, int rank, int size) {
        this.backend = Scope.own(backend);
        this.rank = rank;
        this.size = size;
    }

    /**
     * Processes that exchange tensors in host memory over TCP. Returns when all are connected, and has then printed a line
     * "[Gloo] Rank … is connected" on standard output.
     *
     * @param name of the group, the same on all of its ranks and no other group's
     * @param address of this machine, where the others reach it
     * @param limit time after which an operation fails
     */
    public static ProcessGroup gloo(KeyStore store, String name, int rank, int size, String address, Duration limit) {
        Natives.load(torch_gloo.class);
        try (Scope scope = new Scope()) {
            ProcessGroupGloo.Options options = ProcessGroupGloo.Options.create(new Milliseconds(limit.toMillis()));
            options.devices(new GlooDeviceVector(ProcessGroupGloo.createDeviceForHostname(address)));
            return new ProcessGroup(new ProcessGroupGloo(store.part(name), rank, size, options), rank, size);
        }
    }

    /**
     * Processes that exchange tensors between NVIDIA GPUs, one each. Returns when all are connected.
     *
     * @param device this process's GPU, which becomes the thread's
     */
    public static ProcessGroup nccl(KeyStore store, String name, int rank, int size, Device device, Duration limit) {
        try {
            Natives.load(torch_nccl.class);
        } catch (LinkageError e) {
            throw new LongNetException(
                    e, "NCCL cannot be loaded (%s); run \"longnet doctor\" to see what is missing", e.getMessage());
        }
        Compute.use(device);
        try (Scope scope = new Scope()) {
            ProcessGroupNCCL.Options options = ProcessGroupNCCL.Options.create();
            options.timeout(new Milliseconds(limit.toMillis()));
            ProcessGroup group =
                    new ProcessGroup(new ProcessGroupNCCL(store.part(name), rank, size, options), rank, size);
            Tensor one = Tensors.full(1, Tensors.options(ScalarType.Float, device), 1);
            try (Pending first = group.allReduce(one)) {
                first.await(limit.toMillis());
            }
            Compute.synchronize(device);
            return group;
        }
    }

    /** Sends rows of {@code in} to each process and puts theirs into {@code out}, both in order of rank. */
    public Pending allToAll(Tensor out, Tensor in, long[] outRows, long[] inRows) {
        try (Scope scope = new Scope()) {
            return pending(backend.alltoall_base(out, in, new LongVector(outRows), new LongVector(inRows)));
        }
    }

    /** Sends the same number of neighbouring numbers of {@code in} to each process. */
    public Pending allToAll(Tensor out, Tensor in) {
        try (Scope scope = new Scope()) {
            return pending(backend.alltoall_base(out, in, new LongVector(), new LongVector()));
        }
    }

    /** Puts the processes' numbers one after another into {@code out}, in order of rank. */
    public Pending allGather(Tensor out, Tensor in) {
        try (Scope scope = new Scope()) {
            return pending(backend._allgather_base(out, in));
        }
    }

    /** Sums into one process's part each. */
    public Pending reduceScatter(Tensor out, Tensor in) {
        try (Scope scope = new Scope()) {
            return pending(backend._reduce_scatter_base(out, in));
        }
    }

    /** Sums in place. */
    public Pending allReduce(Tensor sum) {
        try (Scope scope = new Scope()) {
            return pending(backend.allreduce(new TensorVector(sum)));
        }
    }

    /** Gives all the numbers of one process, in place. */
    public Pending broadcast(Tensor tensor, int root) {
        try (Scope scope = new Scope()) {
            return pending(start(tensor, root));
        }
    }

    /** Gives all the numbers of every process: parts[i] is full on process i and is filled on the others. */
    public Pending broadcastAll(Tensor[] parts) {
        Work[] works = new Work[parts.length];
        try (Scope scope = new Scope()) {
            Arrays.setAll(works, i -> scope.keep(start(parts[i], i)));
            return pending(works);
        }
    }

    private Work start(Tensor tensor, int root) {
        return backend.broadcast(new TensorVector(tensor), new BroadcastOptions().rootRank(root));
    }

    private Pending pending(Work... works) {
        return new Pending(backend instanceof ProcessGroupNCCL, works);
    }

    public int rank() {
        return rank;
    }

    public int size() {
        return size;
    }

    /** Gives up what is under way, and closes; may wait for it where the backend cannot. */
    public void abort() {
        if (backend instanceof ProcessGroupNCCL nccl) {
            nccl.abort();
        }
        backend.close();
    }

    @Override
    public void close() {
        if (backend instanceof ProcessGroupNCCL nccl) {
            nccl.shutdown();
        }
        backend.close();
    }
}
