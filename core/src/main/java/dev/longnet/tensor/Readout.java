package dev.longnet.tensor;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.cuda.CUDAEvent;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Numbers on their way from a device: the copy is queued behind what computes them, and nobody waits before they are
 * read. Close it when they have been.
 */
public final class Readout implements AutoCloseable {
    private final Tensor host;
    private final CUDAEvent arrived;

    private Readout(Tensor host, CUDAEvent arrived) {
        this.host = host;
        this.arrived = arrived;
    }

    /** Queues the copying of a few scalars of one device. */
    public static Readout of(Tensor... scalars) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor all = Tensors.stack(0, scalars).to(ScalarType.Double);
            Device device = all.device();
            if (!device.is_cuda()) {
                return new Readout(Scope.own(all.to(Tensors.cpu(), ScalarType.Double)), null);
            }
            Tensor host = Scope.own(Tensors.pinned(ScalarType.Double, scalars.length));
            host.copy_(all, true);
            CUDAEvent arrived = Scope.own(new CUDAEvent());
            arrived.record();
            return new Readout(host, arrived);
        }
    }

    /** Waits for the numbers, in the order in which they were given. */
    public double[] values() {
        if (arrived != null) {
            arrived.synchronize();
        }
        try (Scope scope = new Scope()) {
            return Tensors.doubles(host);
        }
    }

    @Override
    public void close() {
        host.close();
        if (arrived != null) {
            arrived.close();
        }
    }
}
