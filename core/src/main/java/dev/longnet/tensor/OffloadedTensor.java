package dev.longnet.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.cuda.CUDAEvent;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * A tensor of a GPU that waits in the host's memory until it is needed again. It moves both ways on a stream of its own,
 * beside what the GPU computes. A tensor of the host stays where it is.
 *
 * <p>The host's memory is pinned, in pieces: libtorch keeps such memory for the next step, and rounds its size up to a
 * power of two.
 */
public final class OffloadedTensor {
    private static final long PIECE = 256L << 20;
    private static final Map<Integer, CUDAStream> STREAMS = new ConcurrentHashMap<>();

    private final List<Tensor> pieces = new ArrayList<>();
    private final OffloadedTensor before;
    private final boolean moves;
    private final int gpu;
    private final long[] shape;
    private Tensor coming;
    private CUDAEvent moved;

    private OffloadedTensor(Tensor tensor, OffloadedTensor before, long pieceBytes) {
        this.before = before;
        shape = Tensors.shape(tensor);
        moves = tensor.is_cuda();
        if (!moves) {
            gpu = 0;
            pieces.add(tensor);
            return;
        }
        gpu = CudaDriver.gpu(tensor.device());
        Tensor all = tensor.view(-1);
        long most = pieceBytes / all.element_size();
        CUDAStream stream = stream(gpu);
        follow(stream, gpu);
        try (var on = onto(stream, gpu);
                Scope scope = new Scope()) {
            for (long at = 0; at < all.numel(); at += most) {
                long count = Math.min(most, all.numel() - at);
                Tensor piece = scope.keep(Tensors.pinned(Tensors.type(tensor), count));
                piece.copy_(all.narrow(0, at, count), true);
                pieces.add(piece);
            }
            moved = Scope.own(new CUDAEvent());
            moved.record(stream);
        }
    }

    /**
     * Starts moving a contiguous tensor out; call {@link #departed} before it is freed. The pieces belong to the scope
     * around.
     *
     * @param before what is needed after this one, or null: it starts its way back when this one is fetched
     */
    public static OffloadedTensor of(Tensor tensor, OffloadedTensor before) {
        return new OffloadedTensor(tensor, before, PIECE);
    }

    /** The same in pieces of at most {@code pieceBytes}. */
    static OffloadedTensor inPieces(Tensor tensor, OffloadedTensor before, long pieceBytes) {
        return new OffloadedTensor(tensor, before, pieceBytes);
    }

    /** What has to be kept until {@link #fetch}. */
    public List<Tensor> tensors() {
        return pieces;
    }

    /** Lets what is computed from now on, and what frees the tensor, wait until it has been copied. */
    public void departed() {
        if (moves) {
            awaitMove();
        }
    }

    private void awaitMove() {
        try (Scope scope = new Scope();
                CUDAEvent event = moved) {
            event.block(torch_cuda.getCurrentCUDAStream((byte) gpu));
        }
    }

    /** Starts moving the tensor back. */
    private void prefetch() {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor back =
                    Tensors.empty(Tensors.options(Tensors.type(pieces.get(0)), Compute.device("cuda:" + gpu)), shape);
            Tensor all = back.view(-1);
            CUDAStream stream = stream(gpu);
            follow(stream, gpu); // the memory may still be in use by what was queued before
            try (var on = onto(stream, gpu)) {
                long at = 0;
                for (Tensor piece : pieces) {
                    all.narrow(0, at, piece.numel()).copy_(piece, true);
                    at += piece.numel();
                }
            }
            moved = Scope.own(new CUDAEvent());
            moved.record(stream);
            coming = Scope.own(back);
        }
    }

    /** The tensor on its device again, for what is computed from now on; once. It belongs to the scope around. */
    public Tensor fetch() {
        if (!moves) {
            return pieces.get(0).alias();
        }
        if (coming == null) {
            prefetch();
        }
        try (Scope scope = new Scope();
                Tensor back = coming) {
            awaitMove();
            coming = null;
            if (before != null) {
                before.prefetch();
            }
            return scope.keep(back);
        }
    }

    private static CUDAStream stream(int gpu) {
        return STREAMS.computeIfAbsent(gpu, g -> Scope.own(torch_cuda.getStreamFromPool(false, (byte) (int) g)));
    }

    /** Lets a stream wait for all that the current one has been given. */
    private static void follow(CUDAStream stream, int gpu) {
        try (Scope scope = new Scope()) {
            CUDAEvent given = new CUDAEvent();
            given.record(torch_cuda.getCurrentCUDAStream((byte) gpu));
            given.block(stream);
        }
    }

    /** Gives a stream what this thread queues until closed. */
    private static Guard onto(CUDAStream stream, int gpu) {
        CUDAStream before = Scope.own(torch_cuda.getCurrentCUDAStream((byte) gpu));
        torch_cuda.setCurrentCUDAStream(stream);
        return () -> {
            torch_cuda.setCurrentCUDAStream(before);
            before.close();
        };
    }
}
