package dev.longnet.model;

import dev.longnet.tensor.Activation;
import dev.longnet.tensor.LayerNorm;
import dev.longnet.tensor.Linear;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;

/** The feed-forward half of a block: E → F, a non-linearity, with Sub-LN a norm, F → E. */
final class FeedForward extends Module {
    private final Activation activation;
    private final Linear up;
    private final Linear down;
    private final LayerNorm norm;

    FeedForward(LongNetConfig config) {
        super("FeedForward");
        activation = switch (config.activation()) {
            case GELU -> Activation.GELU;
            case RELU -> Activation.RELU;
            case SWISH -> Activation.SILU;
        };
        up = register_module("fc1", new Linear(config.embedding(), config.feedForward(), true));
        down = register_module("fc2", new Linear(config.feedForward(), config.embedding(), true));
        norm = config.norm() == LongNetConfig.Norm.SUBLN
                ? register_module("ffn_layernorm", new LayerNorm(config.feedForward(), config.normEpsilon()))
                : null;
    }

    Tensor forward(Tensor x, boolean bfloat16) {
        Tensor hidden = activation.forward(up.forward(x, bfloat16));
        return down.forward(norm == null ? hidden : norm.forward(hidden), bfloat16);
    }

    Activation activation() {
        return activation;
    }

    Linear up() {
        return up;
    }

    Linear down() {
        return down;
    }

    /** The norm before the second projection, or null. */
    LayerNorm norm() {
        return norm;
    }
}
