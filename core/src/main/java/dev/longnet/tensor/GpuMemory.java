package dev.longnet.tensor;

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

    public static void forgetPeak(Device device) {
        torch_cuda.getAllocator().resetPeakStats((byte) CudaDriver.gpu(device));
    }

    /** The first of the allocator's counts, which is that of all its pools. */
    private static Stat bytes(Device device) {
        DeviceStats stats = torch_cuda.getAllocator().getDeviceStats((byte) CudaDriver.gpu(device));
        return stats.allocated_bytes();
    }
}
