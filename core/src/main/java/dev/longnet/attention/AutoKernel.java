package dev.longnet.attention;

import dev.longnet.tensor.Tensors;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Leaves the choice of kernel to where the tensors are and what they are: on an NVIDIA GPU hopper, or aten, or
 * reference, whichever can do it first. Where it is not hopper it is logged, once for each reason.
 */
final class AutoKernel implements AttentionKernel {
    private static final System.Logger LOG = System.getLogger("dev.longnet.attention");
    private static final Set<String> SAID = ConcurrentHashMap.newKeySet();

    @Override
    public String name() {
        return "auto";
    }

    @Override
    public Result forward(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        return choose(q, spec).forward(q, k, v, spec);
    }

    @Override
    public Gradients backward(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, AttentionSpec spec) {
        return choose(q, spec).backward(dout, q, k, v, out, lse, spec);
    }

    @Override
    public Tensor backwardPacked(Tensor dout, Tensor packed, int heads, Tensor out, Tensor lse, AttentionSpec spec) {
        return on(packed.device(), Tensors.type(packed), heads, packed.size(3), spec.simplest(packed.size(1)))
                .backwardPacked(dout, packed, heads, out, lse, spec);
    }

    @Override
    public AttentionKernel on(Device device, ScalarType type, long heads, long headDim, AttentionSpec spec) {
        if (device.is_cpu()) {
            return ATEN;
        }
        if (!device.is_cuda()) {
            return REFERENCE;
        }
        String why = "";
        for (AttentionKernel kernel : List.of(HOPPER, ATEN)) {
            String obstacle = kernel.obstacle(device, type, heads, headDim, spec);
            if (obstacle == null) {
                return said(kernel, why);
            }
            why += (why.isEmpty() ? ": " : "; ") + kernel.name() + " " + obstacle.replaceFirst(";.*", "");
        }
        return said(REFERENCE, why);
    }

    private static AttentionKernel said(AttentionKernel kernel, String why) {
        // Where a piece of a text starts differs from call to call and is no news.
        if (!why.isEmpty() && SAID.add(kernel.name() + why.replaceFirst("stands at \\d+", ""))) {
            LOG.log(System.Logger.Level.INFO, "attention kernel {0}{1}", kernel.name(), why);
        }
        return kernel;
    }

    private AttentionKernel choose(Tensor q, AttentionSpec spec) {
        return on(q.device(), Tensors.type(q), q.size(2), q.size(3), spec.simplest(q.size(1)));
    }
}
