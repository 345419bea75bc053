package dev.longnet.tensor;

import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The differentiable operations that models are made of and that {@link Tensor} has no method for. */
public final class Ops {
    /** Reduction of a loss, as libtorch numbers it. */
    private static final long SUM = 2;

    private Ops() {}

    /** Drops a share of the values and scales the others up. */
    public static Tensor dropout(Tensor x, double share) {
        return share == 0 ? x : torch.dropout(x, share, true);
    }

    /** out = a + b. */
    public static void add(Tensor out, Tensor a, Tensor b) {
        torch.add_out(out, a, b);
    }

    /** Rows of a table (V, E) for tokens (…) → (…, E). */
    public static Tensor embedding(Tensor table, Tensor tokens) {
        return torch.embedding(table, tokens);
    }

    /** The gradient of the table (V, E) of {@link #embedding}, for that of its rows (…, E); in float32. */
    public static Tensor embeddingBackward(Tensor gradOut, Tensor tokens, long vocabulary) {
        return torch.embedding_dense_backward(gradOut.to(ScalarType.Float), tokens, vocabulary, -1, false);
    }

    /** Sum of −ln p(target) over rows. logits (rows, V), targets (rows) as int64. */
    public static Tensor crossEntropySum(Tensor logits, Tensor targets) {
        return torch.cross_entropy_loss(logits, targets, new TensorOptional(), SUM, -100, 0.0);
    }

    /** −ln p(target) of every row. logits (rows, V), targets (rows) as int64. */
    public static Tensor crossEntropy(Tensor logits, Tensor targets) {
        return torch.cross_entropy_loss(logits, targets, new TensorOptional(), 0, -100, 0.0);
    }

    /** size·e^(i·angle) as complex numbers. */
    public static Tensor polar(Tensor size, Tensor angle) {
        return torch.polar(size, angle);
    }

    /** Neighbouring pairs of the last dimension, (…, D), times complex numbers that broadcast to (…, D/2). */
    public static Tensor rotatePairs(Tensor x, Tensor rotation) {
        long last = x.dim() - 1;
        Tensor pairs = torch.view_as_complex(x.unflatten(last, x.size(last) / 2, 2));
        return torch.view_as_real(pairs.mul(rotation)).flatten(last, last + 1);
    }

    public static Tensor times(Tensor x, double factor) {
        return x.mul(new Scalar(factor));
    }

    /** Index of the largest number of each row of the last axis. */
    public static Tensor largest(Tensor x) {
        return x.argmax(new LongOptional(x.dim() - 1), false);
    }

    /** 2^x of every number. */
    public static Tensor exp2(Tensor x) {
        return torch.exp2(x);
    }
}
