package dev.longnet.train;

import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Cross-entropy over a vocabulary in chunks of tokens: the logits of a whole sequence, N × V numbers, never exist at
 * once, forward or backward. B batch, N length, E embedding, V vocabulary.
 */
public final class Loss {
    private Loss() {}

    /**
     * Computes the mean −ln p of the targets and adds its gradient to all that the features were made from.
     *
     * @param features (B, N, E) with a graph behind them
     * @param targets int64 (B, N)
     * @param weight factor on the gradient, 1 over the number of batches that are added up
     * @param chunk tokens whose logits exist at once
     * @return the mean as a scalar tensor
     */
    public static Tensor backward(
            LongNetDecoder model, Tensor features, Tensor targets, double weight, int chunk, Execution execution) {
        try (Scope scope = new Scope()) {
            Tensor rows = features.detach().flatten(0, 1);
            Tensor labels = targets.flatten(0, 1);
            long count = rows.size(0);
            Tensor gradient = Tensors.empty(Tensors.like(rows), Tensors.shape(rows));
            Tensor total = Tensors.zeros(Tensors.like(rows));
            for (long at = 0; at < count; at += chunk) {
                try (Scope part = new Scope()) {
                    long n = Math.min(chunk, count - at);
                    Tensor input = rows.narrow(0, at, n).detach().set_requires_grad(true);
                    Tensor loss = Ops.crossEntropySum(model.logits(input, execution), labels.narrow(0, at, n));
                    Ops.times(loss, weight / count).backward();
                    gradient.narrow(0, at, n).copy_(input.grad());
                    total.add_(loss.detach());
                }
            }
            Gradient.backward(features, gradient.view(Tensors.shape(features)));
            return scope.keep(Ops.times(total, 1.0 / count));
        }
    }

    /**
     * −ln p of every target, without a gradient.
     *
     * @return float32 (rows)
     */
    public static float[] perToken(
            LongNetDecoder model, Tensor features, Tensor targets, int chunk, Execution execution) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor rows = features.flatten(0, 1), labels = targets.flatten(0, 1);
            float[] losses = new float[(int) rows.size(0)];
            for (int at = 0; at < losses.length; at += chunk) {
                try (Scope part = new Scope()) {
                    int n = Math.min(chunk, losses.length - at);
                    Tensor logits = model.logits(rows.narrow(0, at, n), execution);
                    System.arraycopy(
                            Tensors.floats(Ops.crossEntropy(logits, labels.narrow(0, at, n))), 0, losses, at, n);
                }
            }
            return losses;
        }
    }
}
