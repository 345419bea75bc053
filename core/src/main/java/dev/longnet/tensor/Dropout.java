package dev.longnet.tensor;

import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One drawing of dropout, for the forward pass and for its gradient.
 *
 * @param mask 1 where a value stays, 0 where it is dropped; null where all stay
 * @param share of values dropped; the others are scaled up
 */
public record Dropout(Tensor mask, double share) {
    /** Draws for values of the shape of {@code like}; nothing is drawn for share 0. */
    public static Dropout draw(Tensor like, double share) {
        if (share == 0) {
            return new Dropout(null, 0);
        }
        Tensor mask = Tensors.empty(Tensors.like(like, ScalarType.Bool), Tensors.shape(like));
        return new Dropout(mask.bernoulli_(1 - share, new GeneratorOptional()), share);
    }

    public boolean drops() {
        return mask != null;
    }

    /** What stays of x, scaled up; x itself where all stays. */
    public Tensor of(Tensor x) {
        return mask == null ? x : x.mul(mask).mul_(new Scalar(1 / (1 - share)));
    }
}
