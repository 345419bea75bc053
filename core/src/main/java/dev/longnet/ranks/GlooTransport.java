package dev.longnet.ranks;

import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.ProcessGroup;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Between processes' host memory, by Gloo over TCP. Narrow floating point numbers are summed in float32. */
record GlooTransport(ProcessGroup group) implements Transport {
    /** Everyone's part of everyone is sent and then summed here: libtorch's own takes four times as long. */
    @Override
    public Running reduceScatter(Tensor out, Tensor in) {
        try (Scope scope = new Scope()) {
            Tensor parts = Scope.own(Tensors.empty(Tensors.like(in), in.numel()));
            return new Running(group.allToAll(parts, in.view(-1)), () -> sum(parts, out), parts);
        }
    }

    /** Adds the parts in order of rank. */
    private void sum(Tensor parts, Tensor out) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor rows = parts.view(group.size(), -1), flat = out.view(-1);
            Tensor sum = isNarrow(out) ? rows.select(0, 0).to(ScalarType.Float) : flat.copy_(rows.select(0, 0));
            for (int i = 1; i < group.size(); i++) {
                sum.add_(rows.select(0, i));
            }
            if (isNarrow(out)) {
                flat.copy_(sum);
            }
        }
    }

    private static boolean isNarrow(Tensor tensor) {
        return tensor.is_floating_point() && tensor.element_size() < Float.BYTES;
    }

    /** One broadcast a rank: libtorch's own all-gather takes four times as long. */
    @Override
    public Running allGather(Tensor out, Tensor in) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor[] parts = new Tensor[group.size()];
            long n = in.numel();
            Arrays.setAll(parts, i -> out.view(-1).narrow(0, i * n, n));
            if (Tensors.address(parts[group.rank()]) != Tensors.address(in)) {
                parts[group.rank()].copy_(in.view(-1));
            }
            return new Running(group.broadcastAll(parts));
        }
    }

    @Override
    public Running allReduce(Tensor sum) {
        if (!isNarrow(sum)) {
            return Transport.super.allReduce(sum);
        }
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor wide = Scope.own(sum.detach().to(ScalarType.Float));
            return new Running(group.allReduce(wide), () -> copy(wide, sum), wide);
        }
    }

    private static void copy(Tensor from, Tensor to) {
        try (var off = Gradient.off()) {
            to.copy_(from);
        }
    }
}
