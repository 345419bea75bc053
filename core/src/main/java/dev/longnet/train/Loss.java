package dev.longnet.train;

import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.CrossEntropy;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.MasterWeights;
import dev.longnet.tensor.MatrixProducts;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Cross-entropy over a vocabulary in chunks of tokens: the logits of a whole sequence, N × V numbers, never exist at
 * once, forward or backward. B batch, N length, E embedding, V vocabulary.
 *
 * <p>Features in bfloat16 give logits in bfloat16, whose loss and gradient are computed in float32 in one pass.
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
            Tensor gradient = Tensors.emptyLike(rows);
            Tensor total = Tensors.zeros(Tensors.options(wide(rows), rows.device()));
            for (long at = 0; at < count; at += chunk) {
                try (Scope part = new Scope()) {
                    long n = Math.min(chunk, count - at);
                    Tensor input = rows.narrow(0, at, n), wanted = labels.narrow(0, at, n);
                    Tensor to = gradient.narrow(0, at, n);
                    total.add_(
                            isHalf(rows)
                                    ? halfPart(model.outputTable(), input, wanted, weight / count, to)
                                    : part(model, input, wanted, weight / count, to, execution));
                }
            }
            Gradient.backward(features, gradient.view(Tensors.shape(features)));
            return scope.keep(Ops.times(total, 1.0 / count));
        }
    }

    /** Writes the gradient of some rows, adds that of the output's weights, and returns the sum of losses. */
    private static Tensor part(
            LongNetDecoder model, Tensor rows, Tensor targets, double weight, Tensor gradient, Execution execution) {
        Tensor input = rows.detach().set_requires_grad(true);
        Tensor loss = Ops.crossEntropySum(model.logits(input, execution), targets);
        Ops.times(loss, weight).backward();
        gradient.copy_(input.grad());
        return loss.detach();
    }

    /** The same in bfloat16. */
    private static Tensor halfPart(MasterWeights table, Tensor rows, Tensor targets, double weight, Tensor gradient) {
        try (var off = Gradient.off()) {
            Tensor logits = halfLogits(table, rows);
            Tensor losses = Tensors.empty(Tensors.like(rows, ScalarType.Float), rows.size(0));
            CrossEntropy.of(logits, targets, losses, weight);
            MatrixProducts.into(gradient, logits, table.rounded());
            table.addProduct(logits, rows);
            return losses.sum();
        }
    }

    private static Tensor halfLogits(MasterWeights table, Tensor rows) {
        Tensor weight = table.rounded();
        Tensor logits = CrossEntropy.room(rows.size(0), weight.size(0), rows);
        MatrixProducts.linear(logits, rows, weight, null);
        return logits;
    }

    /**
     * −ln p of every target, without a gradient.
     *
     * @return float32 (rows)
     */
    public static float[] perToken(
            LongNetDecoder model, Tensor features, Tensor targets, int chunk, Execution execution) {
        try (Scope scope = new Scope()) {
            return Tensors.floats(losses(model, features, targets, chunk, execution));
        }
    }

    /** The same as a tensor on the model's device, for which nobody has waited. */
    public static Tensor losses(LongNetDecoder model, Tensor features, Tensor targets, int chunk, Execution execution) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor rows = features.flatten(0, 1), labels = targets.flatten(0, 1);
            Tensor losses = Tensors.empty(Tensors.options(wide(rows), rows.device()), rows.size(0));
            for (long at = 0; at < rows.size(0); at += chunk) {
                try (Scope part = new Scope()) {
                    long n = Math.min(chunk, rows.size(0) - at);
                    Tensor input = rows.narrow(0, at, n), wanted = labels.narrow(0, at, n);
                    Tensor to = losses.narrow(0, at, n);
                    if (isHalf(rows)) {
                        CrossEntropy.of(halfLogits(model.outputTable(), input), wanted, to, 0);
                    } else {
                        to.copy_(Ops.crossEntropy(model.logits(input, execution), wanted));
                    }
                }
            }
            return scope.keep(losses);
        }
    }

    private static boolean isHalf(Tensor features) {
        return Tensors.type(features) == ScalarType.BFloat16;
    }

    private static ScalarType wide(Tensor features) {
        return isHalf(features) ? ScalarType.Float : Tensors.type(features);
    }
}
