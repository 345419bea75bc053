package dev.longnet.model;

import dev.longnet.tensor.LayerNorm;
import dev.longnet.tensor.Linear;
import dev.longnet.tensor.Ops;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;

/** The feed-forward half of a block: E → F, a non-linearity, with Sub-LN a norm, F → E. */
final class FeedForward extends Module {
    private final LongNetConfig.Activation activation;
    private final Linear up;
    private final Linear down;
    private final LayerNorm norm;

    FeedForward(LongNetConfig config) {
        super("FeedForward");
        activation = config.activation();
        up = register_module("fc1", new Linear(config.embedding(), config.feedForward(), true));
        down = register_module("fc2", new Linear(config.feedForward(), config.embedding(), true));
        norm = config.norm() == LongNetConfig.Norm.SUBLN
                ? register_module("ffn_layernorm", new LayerNorm(config.feedForward(), config.normEpsilon()))
                : null;
    }

    Tensor forward(Tensor x, boolean bfloat16) {
        Tensor hidden = activate(up.forward(x, bfloat16));
        return down.forward(norm == null ? hidden : norm.forward(hidden), bfloat16);
    }

    Linear up() {
        return up;
    }

    Linear down() {
        return down;
    }

    private Tensor activate(Tensor x) {
        return switch (activation) {
            case GELU -> Ops.gelu(x);
            case RELU -> Ops.relu(x);
            case SWISH -> Ops.silu(x);
        };
    }
}
