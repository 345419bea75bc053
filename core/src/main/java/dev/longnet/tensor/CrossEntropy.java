package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Cross-entropy over logits in bfloat16, computed in float32: on a GPU rows/entropy.cu does it in one pass, elsewhere
 * libtorch. n rows, V vocabulary.
 */
public final class CrossEntropy {
    /** Shared memory that the kernel uses beside what is left to the row. */
    private static final int OTHER_BYTES = 1 << 10;

    private CrossEntropy() {}

    /** Room for logits (n, V) whose rows begin where a GPU likes them to, at multiples of 16 bytes. */
    public static Tensor room(long rows, long vocabulary, Tensor like) {
        return Tensors.empty(Tensors.like(like), rows, (vocabulary + 7) / 8 * 8).narrow(1, 0, vocabulary);
    }

    /**
     * Writes −ln p(target) of every row, and in the place of the logits their gradient.
     *
     * @param logits (n, V) as {@link #room} gives them
     * @param targets int64 (n)
     * @param losses float32 (n)
     * @param weight of the rows in what the gradient is of; 0 leaves the logits as they are
     */
    public static void of(Tensor logits, Tensor targets, Tensor losses, double weight) {
        if (logits.is_cuda()) {
            fused(logits, targets, losses, weight);
        } else {
            composed(logits, targets, losses, weight);
        }
    }

    private static void fused(Tensor logits, Tensor targets, Tensor losses, double weight) {
        long stride = logits.stride(0);
        requireArgument(stride % 8 == 0, "logits need rows of a multiple of 8, not %d", stride);
        long bytes = Short.BYTES * ((logits.size(1) + 7) / 8 * 8);
        int shared = (int) Math.min(bytes, Gpu.of(logits.device()).sharedBytes() - OTHER_BYTES);
        try (Scope scope = new Scope()) {
            CudaModule.of(logits.device(), CrossEntropy.class, "rows/entropy.cu", Map.of())
                    .kernel("entropy")
                    .launch(
                            logits.size(0),
                            1,
                            512,
                            1,
                            shared,
                            logits,
                            targets.contiguous(),
                            losses,
                            (float) weight,
                            (int) logits.size(1),
                            stride,
                            shared / 16);
        }
    }

    private static void composed(Tensor logits, Tensor targets, Tensor losses, double weight) {
        try (Scope scope = new Scope()) {
            Tensor wide = torch.log_softmax(logits.to(ScalarType.Float), 1);
            Tensor column = targets.unsqueeze(1);
            losses.copy_(wide.gather(1, column).squeeze(1).neg());
            if (weight != 0) {
                Tensor gradient = wide.exp_();
                gradient.scatter_add_(
                        1, column, Tensors.full(-1, Tensors.like(gradient), 1).expand(column.size(0), 1));
                logits.copy_(Ops.times(gradient, weight));
            }
        }
    }
}
