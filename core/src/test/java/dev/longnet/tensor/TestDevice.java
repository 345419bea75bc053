package dev.longnet.tensor;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Devices that tests run on, and tensors there. */
public final class TestDevice {
    private static final int SMALL_TENSORS = 32, SMALL_BYTES = 512 << 10;

    private TestDevice() {}

    /** The device of this name; a test for cuda is skipped where there is no NVIDIA GPU. */
    public static Device of(String name) {
        assumeTrue(!name.equals("cuda") || torch.cuda_is_available(), "there is no NVIDIA GPU here");
        return Compute.device(name);
    }

    /** Number of NVIDIA GPUs here. */
    public static int gpus() {
        return torch.cuda_is_available() ? (int) torch.cuda_device_count() : 0;
    }

    /** An NVIDIA GPU of the Hopper generation; the test is skipped where there is none. */
    public static Device hopper() {
        Device gpu = of("cuda");
        assumeTrue(Gpu.of(gpu).capability().equals("9.0"), "the GPU is not of the Hopper generation");
        return gpu;
    }

    /** Normal random numbers in bfloat16, the same on every device. */
    public static Tensor bfloat16(Device device, long... shape) {
        return Tensors.randn(Tensors.options(ScalarType.Float, Tensors.cpu()), shape)
                .to(device, ScalarType.BFloat16);
    }

    /** Numbers in float64 on the host. */
    public static Tensor wide(Tensor tensor) {
        return tensor.detach().to(Tensors.cpu(), ScalarType.Double);
    }

    /** Leaves NaN of every type in memory that the next tensors will get; small ones get it from another pool. */
    public static void poison(Device device, long bytes) {
        try (Scope scope = new Scope()) {
            TensorOptions options = Tensors.options(ScalarType.Byte, device);
            Tensors.full(0xFF, options, bytes);
            for (int i = 0; i < SMALL_TENSORS; i++) {
                Tensors.full(0xFF, options, SMALL_BYTES);
            }
        }
    }
}
