package dev.longnet.tensor;

import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A projection y = x Wᵀ + b with weight (out, in) and, unless left out, bias (out). */
public final class Linear extends Module {
    private final Tensor weight;
    private final Tensor bias;

    /** Weights as Glorot and Bengio draw them (uniform, ±√(6/(in + out))), biases 0. */
    public Linear(long in, long out, boolean withBias) {
        super("Linear");
        weight = Parameters.register(this, "weight", torch.xavier_uniform_(Parameters.empty(out, in)));
        bias = withBias
                ? Parameters.register(this, "bias", Parameters.empty(out).zero_())
                : null;
    }

    /** x (…, in) → (…, out) in the type of x. */
    public Tensor forward(Tensor x) {
        return apply(x, weight, bias, false);
    }

    /**
     * The same with the product in bfloat16 where asked: inputs are rounded, sums are kept in float32, the result has
     * the type of x.
     */
    public Tensor forward(Tensor x, boolean bfloat16) {
        return apply(x, weight, bias, bfloat16);
    }

    public Tensor weight() {
        return weight;
    }

    /** The bias, or null. */
    public Tensor bias() {
        return bias;
    }

    /** x Wᵀ + b for weights that need not belong to a module; bias may be null. */
    public static Tensor apply(Tensor x, Tensor weight, Tensor bias, boolean bfloat16) {
        if (!bfloat16) {
            return torch.linear(x, weight, optional(bias));
        }
        ScalarType half = ScalarType.BFloat16;
        Tensor y = torch.linear(x.to(half), weight.to(half), optional(bias == null ? null : bias.to(half)));
        return y.to(Tensors.type(x));
    }

    private static TensorOptional optional(Tensor tensor) {
        return tensor == null ? new TensorOptional() : new TensorOptional(tensor);
    }
}
