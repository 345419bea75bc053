package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;

/** Threads, devices and random state of this process. */
public final class Compute {
    static {
        Natives.load();
    }

    private static volatile int threads;

    private Compute() {}

    /** Number of threads that a tensor operation uses. */
    public static int threads() {
        return threads == 0 ? torch.get_num_threads() : threads;
    }

    /**
     * Sets the number of threads of tensor operations.
     *
     * @param count threads, 0 for one a core
     */
    public static void threads(int count) {
        requireArgument(count >= 0, "threads must be 0 (one a core) or more, got %d", count);
        threads = count == 0 ? Runtime.getRuntime().availableProcessors() : count;
        torch.set_num_threads(threads);
        openblas_nolapack.blas_set_num_threads(threads);
    }

    /**
     * Leaves the threads to the operator while open: flash attention runs one small matrix product a thread, and a BLAS
     * with threads of its own would fight for the same cores.
     */
    public static Guard oneBlasThread() {
        int before = threads();
        openblas_nolapack.blas_set_num_threads(1);
        return () -> openblas_nolapack.blas_set_num_threads(before);
    }

    /**
     * The device of this name: {@code cpu}, {@code cuda}, {@code cuda:1}, {@code mps} (an Apple GPU; nobody has tried it
     * yet) or {@code auto}, which is {@code cuda} where there is one and else {@code cpu}.
     *
     * @throws IllegalArgumentException for another name
     * @throws LongNetException if there is no such device here
     */
    public static Device device(String name) {
        if (name.equals("auto")) {
            return new Device(torch.cuda_is_available() ? "cuda" : "cpu");
        }
        requireArgument(
                name.matches("cpu|cuda(:\\d+)?|mps"),
                "device \"%s\" is not known; use auto, cpu, cuda, cuda:1 or mps",
                name);
        if (name.startsWith("cuda") && !torch.cuda_is_available()) {
            throw new LongNetException(
                    "device %s: no NVIDIA GPU can be used here; use --device cpu, or run \"longnet doctor\" to see what"
                            + " is missing",
                    name);
        }
        if (name.equals("mps") && !torch.hasMPS()) {
            throw new LongNetException("device mps: libtorch sees no Apple GPU here; use --device cpu");
        }
        return new Device(name);
    }

    /**
     * The device of one of several ranks on this machine: each has a GPU of its own.
     *
     * @param name as in {@link #device}, without an index
     * @param localRank number of the rank among the {@code localRanks} of this machine
     * @throws LongNetException if there are fewer GPUs than ranks
     */
    public static Device deviceOfRank(String name, int localRank, int localRanks) {
        requireArgument(
                !name.matches("cuda:\\d+"),
                "device %s is one GPU for all ranks; use cuda, which gives each its own",
                name);
        Device device = device(name);
        if (!device.is_cuda()) {
            return device;
        }
        int gpus = torch.cuda_device_count();
        if (gpus == 1 && System.getenv("CUDA_VISIBLE_DEVICES") != null) {
            return new Device("cuda:0"); // a launcher shows each rank its own
        }
        if (gpus < localRanks) {
            throw new LongNetException(
                    "%d ranks on this machine need a GPU each and there are %d; start fewer, or use --device cpu (for"
                            + " train --set train.device=cpu)",
                    localRanks, gpus);
        }
        return new Device("cuda:" + localRank);
    }

    /** Where float64 for this device is computed: on it, but on the host for Apple's GPUs, which have none. */
    public static Device wide(Device device) {
        return device.is_mps() ? Tensors.cpu() : device;
    }

    /** Makes an NVIDIA GPU this thread's, where it is one. */
    public static void use(Device device) {
        if (device.is_cuda()) {
            int gpu = CudaDriver.gpu(device);
            torch_cuda.set_device((byte) gpu); // which in a new thread leaves GPU 0 without a context
            CudaDriver.on(gpu).close();
        }
    }

    /** Waits until an NVIDIA GPU has done all that it was given; nothing has to be waited for elsewhere. */
    public static void synchronize(Device device) {
        if (device.is_cuda()) {
            torch.cuda_synchronize(device.has_index() ? device.index() : -1);
        }
    }

    /**
     * Whether libtorch was asked for results that are the same to the bit each time, by
     * {@code torch.globalContext().setDeterministicAlgorithms(true, false)}.
     */
    public static boolean deterministic() {
        return torch.globalContext().deterministicAlgorithms();
    }

    /** Asks libtorch, and the kernels here, for results that are the same to the bit each time, or no longer. */
    public static void deterministic(boolean wanted) {
        torch.globalContext().setDeterministicAlgorithms(wanted, false);
    }

    /** Seeds libtorch's random numbers. */
    public static void seed(long seed) {
        torch.manual_seed(seed);
    }

    /** State of libtorch's random numbers on the CPU, as a byte tensor. */
    public static Tensor randomState() {
        return randomState(Tensors.cpu());
    }

    /** State of libtorch's random numbers on a device, as a byte tensor on the host. */
    public static Tensor randomState(Device device) {
        return torch.globalContext().defaultGenerator(device).get_state();
    }

    /** Sets what {@link #randomState()} returned. */
    public static void randomState(Tensor state) {
        randomState(state, Tensors.cpu());
    }

    /** Sets what {@link #randomState(Device)} returned. */
    public static void randomState(Tensor state, Device device) {
        try (Tensor whole = state.clone()) { // libtorch counts the offset of a part of another tensor twice
            torch.globalContext().defaultGenerator(device).set_state(whole);
        }
    }

    /** Draws the random numbers after a recorded state again until closed, and then goes on as if nothing was drawn. */
    public static Guard replay(Tensor state, Device device) {
        Tensor now = Scope.own(randomState(device));
        randomState(state, device);
        return () -> {
            randomState(now, device);
            now.close();
        };
    }
}
