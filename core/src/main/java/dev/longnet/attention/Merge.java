package dev.longnet.attention;

import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Scope;
import org.bytedeco.pytorch.Tensor;

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
     * @param out (B, H, rows, D), 0 where nothing was seen yet
     * @param lse (B, H, rows), −∞ there
     */
    static void into(Tensor out, Tensor lse, Aten.Flash part) {
        try (Scope scope = new Scope()) {
            Tensor merged = lse.logaddexp(part.lse());
            out.lerp_(part.out(), part.lse().sub(merged).exp_().unsqueeze(3));
            lse.copy_(merged);
        }
    }
}
