package dev.longnet.tensor;

import static dev.longnet.tensor.CudaDriver.check;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.pytorch.Device;

/**
 * An NVIDIA GPU.
 *
 * @param name as the maker gives it
 * @param major first number of its compute capability
 * @param minor second number
 * @param multiprocessors number of them
 * @param sharedBytes shared memory that a block can be given
 */
public record Gpu(String name, int major, int minor, int multiprocessors, int sharedBytes) {
    private static final int NAME_BYTES = 256;
    private static final Map<Integer, Gpu> GPUS = new ConcurrentHashMap<>();

    /** The GPU of a CUDA device. */
    public static Gpu of(Device device) {
        return GPUS.computeIfAbsent(CudaDriver.gpu(device), Gpu::ask);
    }

    /** Its compute capability, such as 9.0. */
    public String capability() {
        return major + "." + minor;
    }

    private static Gpu ask(int gpu) {
        int[] handle = new int[1];
        byte[] name = new byte[NAME_BYTES];
        check(cudart.cuDeviceGet(handle, gpu), "asking for GPU " + gpu);
        check(cudart.cuDeviceGetName(name, name.length, handle[0]), "asking for the name of GPU " + gpu);
        return new Gpu(
                new String(name, StandardCharsets.UTF_8).replaceFirst("\0.*", ""),
                attribute(handle[0], cudart.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                attribute(handle[0], cudart.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                attribute(handle[0], cudart.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                attribute(handle[0], cudart.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN));
    }

    private static int attribute(int handle, int attribute) {
        int[] value = new int[1];
        check(cudart.cuDeviceGetAttribute(value, attribute, handle), "asking a GPU for its attribute " + attribute);
        return value[0];
    }
}
