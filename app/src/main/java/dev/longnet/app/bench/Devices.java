package dev.longnet.app.bench;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.model.LongNetConfig;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Names of devices, and waiting for them. */
final class Devices {
    private Devices() {}

    /** The device that a name, such as auto, stands for: cpu, cuda, cuda:1 or mps. */
    static String name(String device) {
        Device found = Compute.device(device);
        if (found.is_cpu() || found.is_mps()) {
            return found.is_cpu() ? "cpu" : "mps";
        }
        return found.has_index() ? "cuda:" + found.index() : "cuda";
    }

    /** Name of the kernel that computes a model's attention on a device. */
    static String kernel(String kernel, LongNetConfig model, boolean bfloat16, String device) {
        Device found = Compute.device(device);
        ScalarType type = bfloat16 && found.is_cuda() ? ScalarType.BFloat16 : ScalarType.Float;
        AttentionSpec spec = AttentionSpec.of(model.pattern(), true, model.headDim());
        return AttentionKernel.of(kernel)
                .on(found, type, model.heads(), model.headDim(), spec)
                .name();
    }

    /** Waits until the tensor has been computed: for all of an NVIDIA GPU's work, elsewhere by reading a number. */
    static void await(Tensor tensor) {
        if (tensor.is_cuda()) {
            Compute.synchronize(tensor.device());
            return;
        }
        Tensor first = tensor;
        while (first.dim() > 0) {
            first = first.select(0, 0);
        }
        Tensors.item(first);
    }
}
