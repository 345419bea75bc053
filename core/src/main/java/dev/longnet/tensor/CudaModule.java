package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;
import static dev.longnet.tensor.CudaDriver.check;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.cuda.cudart.CUmod_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.SizeTPointer;
import org.bytedeco.pytorch.Device;

/**
 * CUDA C++ of our own, compiled by NVRTC for one GPU at first use and kept on disk by source, options, NVRTC's version
 * and GPU.
 */
public final class CudaModule {
    private record Key(int gpu, Class<?> near, String source, Map<String, Integer> defines) {}

    private static final Map<Key, CudaModule> MODULES = new ConcurrentHashMap<>();

    private final int gpu;
    private final CUmod_st module = new CUmod_st();
    private final Map<String, CudaKernel> kernels = new ConcurrentHashMap<>();
    private final Map<String, int[]> constants = new ConcurrentHashMap<>();

    private CudaModule(Key key, Gpu gpu) {
        this.gpu = key.gpu;
        List<String> options = new ArrayList<>(List.of(
                "--gpu-architecture=" + architecture(gpu), "--std=c++17", "-default-device", "--use_fast_math"));
        new TreeMap<>(key.defines).forEach((name, value) -> options.add("-D" + name + "=" + value));
        byte[] code = new CudaCompiler(key.near, key.source, options).code();
        try (var on = CudaDriver.on(this.gpu);
                BytePointer image = new BytePointer(code)) {
            check(cudart.cuModuleLoadData(module, image), "loading " + key.source);
        }
    }

    /**
     * The module of a source on a GPU; one for each in this process.
     *
     * @param near class beside whose resources the source and the headers it includes lie
     * @param source resource, such as hopper/forward.cu
     * @param defines macros, such as D → 64
     * @throws dev.longnet.LongNetException if CUDA or NVRTC is missing or the source does not compile
     */
    public static CudaModule of(Device device, Class<?> near, String source, Map<String, Integer> defines) {
        Key key = new Key(CudaDriver.gpu(device), near, source, Map.copyOf(defines));
        return MODULES.computeIfAbsent(key, k -> new CudaModule(k, Gpu.of(device)));
    }

    /** The kernel of this name, declared {@code extern "C"}. */
    public CudaKernel kernel(String name) {
        return kernels.computeIfAbsent(name, n -> new CudaKernel(gpu, module, n));
    }

    /** The numbers of a {@code __device__ const int} array, declared {@code extern "C"}. */
    public int[] constants(String name, int count) {
        return constants.computeIfAbsent(name, n -> read(n, count)).clone();
    }

    private int[] read(String name, int count) {
        try (Scope scope = new Scope();
                var on = CudaDriver.on(gpu)) {
            long[] address = new long[1];
            SizeTPointer bytes = new SizeTPointer(1);
            check(cudart.cuModuleGetGlobal(address, bytes, module, name), "looking for " + name);
            requireArgument(
                    bytes.get() == (long) count * Integer.BYTES,
                    "%s has %d bytes, not %d ints",
                    name,
                    bytes.get(),
                    count);
            IntPointer values = new IntPointer(count);
            check(cudart.cuMemcpyDtoH(values, address[0], bytes.get()), "reading " + name);
            int[] numbers = new int[count];
            values.get(numbers);
            return numbers;
        }
    }

    /** Hopper's matrix products and bulk loads need the variant of its architecture that later GPUs do not run. */
    private static String architecture(Gpu gpu) {
        return "sm_" + gpu.major() + gpu.minor() + (gpu.major() == 9 && gpu.minor() == 0 ? "a" : "");
    }
}
