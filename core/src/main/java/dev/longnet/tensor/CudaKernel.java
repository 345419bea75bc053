package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;
import static dev.longnet.tensor.CudaDriver.check;

import java.util.Arrays;
import org.bytedeco.cuda.cudart.CUfunc_st;
import org.bytedeco.cuda.cudart.CUmod_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.javacpp.SizeTPointer;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;

/** A kernel of a {@link CudaModule}; any thread may launch it. */
public final class CudaKernel {
    /** Shared memory that a block gets without asking. */
    private static final int SHARED_BYTES = 48 << 10;

    private static final int MAX_GRID_Y = 65535;

    private final int gpu;
    private final String name;
    private final CUfunc_st function = new CUfunc_st();
    private final int[] parameterBytes;
    private int sharedBytes = SHARED_BYTES;

    CudaKernel(int gpu, CUmod_st module, String name) {
        this.gpu = gpu;
        this.name = name;
        try (Scope scope = new Scope();
                var on = CudaDriver.on(gpu)) {
            check(cudart.cuModuleGetFunction(function, module, name), "looking for kernel " + name);
            SizeTPointer offset = new SizeTPointer(1), bytes = new SizeTPointer(1);
            int[] sizes = new int[LaunchArguments.MOST];
            int count = 0;
            while (cudart.cuFuncGetParamInfo(function, count, offset, bytes) == cudart.CUDA_SUCCESS) {
                sizes[count++] = (int) bytes.get();
            }
            parameterBytes = Arrays.copyOf(sizes, count);
        }
    }

    /**
     * Launches on libtorch's current stream of the GPU.
     *
     * @param gridX blocks along x; blockX and blockY are threads of a block
     * @param sharedBytes dynamic shared memory of a block
     * @param arguments of each parameter a Tensor (its data pointer; null for a null pointer), Integer, Long, Float,
     *     Double, or a ByteBuffer in native order (a struct by value: what remains in it)
     */
    public void launch(long gridX, long gridY, int blockX, int blockY, int sharedBytes, Object... arguments) {
        requireArgument(
                gridX > 0 && gridX <= Integer.MAX_VALUE && gridY > 0 && gridY <= MAX_GRID_Y,
                "kernel %s cannot have a grid of %d × %d blocks",
                name,
                gridX,
                gridY);
        try (var on = CudaDriver.on(gpu);
                CUDAStream stream = torch_cuda.getCurrentCUDAStream((byte) gpu)) {
            allow(sharedBytes);
            check(
                    cudart.cuLaunchKernel(
                            function,
                            (int) gridX,
                            (int) gridY,
                            1,
                            blockX,
                            blockY,
                            1,
                            sharedBytes,
                            stream.stream(),
                            LaunchArguments.put(name, parameterBytes, arguments),
                            (PointerPointer<?>) null),
                    "launching kernel " + name);
        }
    }

    private synchronized void allow(int bytes) {
        if (bytes > sharedBytes) {
            check(
                    cudart.cuFuncSetAttribute(function, cudart.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
                    "giving kernel " + name + " " + bytes + " bytes of shared memory");
            sharedBytes = bytes;
        }
    }
}
