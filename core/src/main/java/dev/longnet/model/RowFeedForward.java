package dev.longnet.model;

import dev.longnet.tensor.Activation;
import dev.longnet.tensor.ColumnSums;
import dev.longnet.tensor.MasterWeights;
import dev.longnet.tensor.MatrixProducts;
import dev.longnet.tensor.RowNorm;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** A feed-forward layer on rows in bfloat16, its gradient written out. T rows, E embedding, F feed-forward width. */
final class RowFeedForward {
    private final Activation activation;
    private final RowNorm norm;
    private final MasterWeights upWeight;
    private final MasterWeights upBias;
    private final MasterWeights downWeight;
    private final MasterWeights downBias;

    RowFeedForward(FeedForward layer) {
        activation = layer.activation();
        norm = layer.norm() == null ? null : new RowNorm(layer.norm(), activation);
        upWeight = new MasterWeights(layer.up().weight());
        upBias = new MasterWeights(layer.up().bias());
        downWeight = new MasterWeights(layer.down().weight());
        downBias = new MasterWeights(layer.down().bias());
    }

    /**
     * @param raw before the activation (T, F)
     * @param statistics of the norm, or null without one
     * @param hidden what the second projection takes (T, F)
     */
    record Hidden(Tensor raw, Tensor statistics, Tensor hidden) {}

    /** The first half, x (T, E). */
    Hidden up(Tensor x) {
        Tensor raw = MatrixProducts.linear(x, upWeight.rounded(), upBias.rounded());
        if (norm == null) {
            return new Hidden(raw, null, activation.forward(raw));
        }
        RowNorm.Result result = norm.forward(raw);
        return new Hidden(raw, result.statistics(), result.out());
    }

    /** The second half, (T, F) → (T, E). */
    Tensor down(Tensor hidden) {
        return MatrixProducts.linear(hidden, downWeight.rounded(), downBias.rounded());
    }

    List<MasterWeights> weights() {
        return List.of(upWeight, upBias, downWeight, downBias);
    }

    /** The bias of the second projection, whose gradient is the sum of the rows of dy. */
    MasterWeights downBias() {
        return downBias;
    }

    /**
     * The gradient of x; adds those of the weights and of the first bias.
     *
     * @param dy gradient of the output (T, E)
     */
    Tensor backward(Tensor dy, Tensor x, Hidden h) {
        try (Scope scope = new Scope()) {
            downWeight.addProduct(dy, h.hidden);
            Tensor dhidden = MatrixProducts.of(dy, downWeight.rounded());
            Tensor draw;
            if (norm == null) {
                draw = activation.backward(dhidden, h.raw);
                upBias.addGradient(ColumnSums.of(draw));
            } else {
                draw = Tensors.emptyLike(h.raw);
                norm.backward(draw, dhidden, h.raw, h.statistics, null, upBias);
            }
            dhidden.close();
            upWeight.addProduct(draw, x);
            return scope.keep(MatrixProducts.of(draw, upWeight.rounded()));
        }
    }
}
