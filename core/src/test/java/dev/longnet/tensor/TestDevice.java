package dev.longnet.tensor;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Devices that tests run on, and tensors there. */
public final class TestDevice {
    private TestDevice() {}

    /** The device of this name; a test for cuda is skipped where there is no NVIDIA GPU. */
    public static Device of(String name) {
        assumeTrue(!name.equals("cuda") || torch.cuda_is_available(), "there is no NVIDIA GPU here");
        return Compute.device(name);
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

    /** Leaves NaN in memory that the next tensors will get. */
    public static void poison(Device device, long bytes) {
        try (Scope scope = new Scope()) {
            Tensors.full(Double.NaN, Tensors.options(ScalarType.Double, device), bytes / 8);
        }
    }
}
