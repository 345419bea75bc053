package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.cuda.cudart.CUctx_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch_cuda;

/** CUDA's driver in this process. Nothing of CUDA is loaded before the first call. */
final class CudaDriver {
    /** The context of each GPU that CUDA's run-time, and so libtorch, uses. */
    private static final Map<Integer, CUctx_st> CONTEXTS = new ConcurrentHashMap<>();

    private static final ThreadLocal<CUctx_st> CURRENT = ThreadLocal.withInitial(CUctx_st::new);

    private CudaDriver() {}

    /** The index of a GPU, its context made. */
    static int gpu(Device device) {
        requireArgument(device.is_cuda(), "CUDA code runs on an NVIDIA GPU, not on %s", Tensors.deviceName(device));
        load(torch_cuda.class, "libtorch for CUDA");
        int index = device.has_index() ? device.index() : torch_cuda.current_device();
        CONTEXTS.computeIfAbsent(index, CudaDriver::retain);
        return index;
    }

    private static CUctx_st retain(int gpu) {
        load(cudart.class, "CUDA's run-time");
        check(cudart.cuInit(0), "starting CUDA");
        CUctx_st context = new CUctx_st();
        check(cudart.cuDevicePrimaryCtxRetain(context, gpu), "starting GPU " + gpu);
        return context;
    }

    /** Loads native code behind bindings, or says in a sentence what could not be loaded. */
    static void load(Class<?> bindings, String what) {
        try {
            Natives.load(bindings);
        } catch (LinkageError e) {
            throw new LongNetException(
                    e,
                    "%s cannot be loaded (%s); run \"longnet doctor\" to see what is missing",
                    what,
                    String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
    }

    /**
     * Makes the context of a GPU this thread's until closed, and after that too where the thread had none. A thread that
     * used libtorch on that GPU has it already, unless nothing it did needed more than memory that libtorch had kept.
     */
    static Guard on(int gpu) {
        CUctx_st wanted = CONTEXTS.get(gpu), current = CURRENT.get();
        check(cudart.cuCtxGetCurrent(current), "asking for the GPU in use");
        if (current.equals(wanted)) {
            return () -> {};
        }
        boolean none = current.isNull();
        CUctx_st before = new CUctx_st(current);
        check(cudart.cuCtxSetCurrent(wanted), "changing to GPU " + gpu);
        return none ? () -> {} : () -> check(cudart.cuCtxSetCurrent(before), "changing back from GPU " + gpu);
    }

    /** Throws unless a call of the driver succeeded. */
    static void check(int result, String what) {
        if (result != cudart.CUDA_SUCCESS) {
            try (BytePointer text = new BytePointer((Pointer) null)) {
                cudart.cuGetErrorString(result, text);
                throw new LongNetException(
                        "%s failed: CUDA error %d, %s", what, result, text.isNull() ? "unknown" : text.getString());
            }
        }
    }
}
