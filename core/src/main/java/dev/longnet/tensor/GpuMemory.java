package dev.longnet.tensor;

import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.SizeTPointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Stat;
import org.bytedeco.pytorch.cuda.DeviceStats;
import org.bytedeco.pytorch.global.torch_cuda;

/** What libtorch's allocator has given out on an NVIDIA GPU, in bytes. */
public final class GpuMemory {
    private GpuMemory() {}

    /** What tensors hold now. */
    public static long held(Device device) {
        try (Scope scope = new Scope()) {
            return bytes(device).current();
        }
    }

    /** The most that tensors held since {@link #forgetPeak}. */
    public static long peak(Device device) {
        try (Scope scope = new Scope()) {
            return bytes(device).peak();
        }
    }

    /** What tensors may still take, and all that the GPU has; other processes may hold some of the difference. */
    public record Room(long free, long total) {}

    /** Asks the driver. */
    public static Room room(Device device) {
        int gpu = CudaDriver.gpu(device);
        try (var on = CudaDriver.on(gpu);
                SizeTPointer free = new SizeTPointer(1);
                SizeTPointer total = new SizeTPointer(1)) {
            CudaDriver.check(cudart.cuMemGetInfo(free, total), "asking for the memory of GPU " + gpu);
            return new Room(free.get(), total.get());
        }
    }

    public static void forgetPeak(Device device) {
        torch_cuda.getAllocator().resetPeakStats((byte) CudaDriver.gpu(device));
    }

    /** The first of the allocator's counts, which is that of all its pools. */
    private static Stat bytes(Device device) {
        DeviceStats stats = torch_cuda.getAllocator().getDeviceStats((byte) CudaDriver.gpu(device));
        return stats.allocated_bytes();
    }
}
