package dev.longnet.tensor;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Products of bfloat16 matrices, summed in float32. */
public final class MatrixProducts {
    private MatrixProducts() {}

    /** x Wᵀ + b, rounded to bfloat16. x (rows, in), weight (out, in), bias (out) or null. */
    public static Tensor linear(Tensor x, Tensor weight, Tensor bias) {
        return torch.linear(x, weight, bias == null ? new TensorOptional() : new TensorOptional(bias));
    }

    /** The same into {@code out} (rows, out). */
    public static void linear(Tensor out, Tensor x, Tensor weight, Tensor bias) {
        if (bias == null) {
            torch.mm_out(out, x, weight.t());
        } else {
            torch.addmm_out(out, bias, x, weight.t());
        }
    }

    /** a b, rounded to bfloat16. */
    public static Tensor of(Tensor a, Tensor b) {
        return torch.mm(a, b);
    }

    /** a b into {@code out}. */
    public static void into(Tensor out, Tensor a, Tensor b) {
        torch.mm_out(out, a, b);
    }

    /** a b in float32, not rounded. */
    static Tensor wide(Tensor a, Tensor b) {
        return a.is_cuda()
                ? torch.mm(a, b, ScalarType.Float)
                : torch.mm(a.to(ScalarType.Float), b.to(ScalarType.Float));
    }

    /** sum += a b, in float32. */
    static void addTo(Tensor sum, Tensor a, Tensor b) {
        if (a.is_cuda()) {
            torch.addmm_out(sum, sum, a, b, ScalarType.Float, new Scalar(1.0), new Scalar(1.0));
        } else {
            sum.addmm_(a.to(ScalarType.Float), b.to(ScalarType.Float));
        }
    }
}
