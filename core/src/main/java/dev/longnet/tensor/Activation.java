package dev.longnet.tensor;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Non-linearity of a feed-forward layer. */
public enum Activation {
    NONE,
    /** x · Φ(x), with the exact error function. */
    GELU,
    RELU,
    /** x · σ(x). */
    SILU;

    /** The activation of every number; differentiable. */
    public Tensor forward(Tensor x) {
        return switch (this) {
            case NONE -> x;
            case GELU -> torch.gelu(x);
            case RELU -> torch.relu(x);
            case SILU -> torch.silu(x);
        };
    }

    /** The gradient of x for that of the activation. */
    public Tensor backward(Tensor gradOut, Tensor x) {
        return switch (this) {
            case NONE -> gradOut;
            case GELU -> torch.gelu_backward(gradOut, x);
            case RELU -> gradOut.mul(x.gt(new Scalar(0.0)));
            case SILU -> torch.silu_backward(gradOut, x);
        };
    }
}
