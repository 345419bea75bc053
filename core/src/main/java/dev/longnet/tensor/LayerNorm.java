package dev.longnet.tensor;

import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** Layer normalisation over the last dimension, with a weight and a bias (width). */
public final class LayerNorm extends Module {
    private final Tensor weight;
    private final Tensor bias;
    private final long width;
    private final double epsilon;

    public LayerNorm(long width, double epsilon) {
        super("LayerNorm");
        this.width = width;
        this.epsilon = epsilon;
        weight = Parameters.register(this, "weight", Parameters.empty(width).fill_(new Scalar(1.0)));
        bias = Parameters.register(this, "bias", Parameters.empty(width).zero_());
    }

    /** x (…, width) → the same shape. */
    public Tensor forward(Tensor x) {
        return torch.layer_norm(
                x, new long[] {width}, new TensorOptional(weight), new TensorOptional(bias), epsilon, true);
    }

    public Tensor weight() {
        return weight;
    }

    public Tensor bias() {
        return bias;
    }

    /** What is added to variances. */
    public double epsilon() {
        return epsilon;
    }
}
