package dev.longnet.attention;

import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Joins attention over further keys to what was computed over others (paper, equations 9 and 10). */
final class Merge {
    private Merge() {}

    /**
     * In place,
     *
     * <pre>
     * lse' = ln(exp(lse) + exp(lse_b))       out' = out + exp(lse_b − lse') (out_b − out)
     * </pre>
     *
     * <p>with sums in the type of lse.
     *
     * @param out (…, rows, D), 0 where nothing was seen yet
     * @param lse (…, rows), −∞ there
     */
    static void into(Tensor out, Tensor lse, Aten.Flash part) {
        try (Scope scope = new Scope()) {
            Tensor merged = lse.logaddexp(part.lse());
            Tensor weight = part.lse().sub(merged).exp_().unsqueeze(-1);
            ScalarType type = Tensors.type(weight);
            if (Tensors.type(out) == type) {
                out.lerp_(part.out(), weight);
            } else {
                out.copy_(out.to(type).lerp(part.out().to(type), weight));
            }
            lse.copy_(merged);
        }
    }
}
