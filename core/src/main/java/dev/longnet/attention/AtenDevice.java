package dev.longnet.attention;

import dev.longnet.attention.Damping.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Guard;
import dev.longnet.tensor.Scope;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * libtorch's blockwise attention on one kind of device, and how its results for the rows of branches become whole.
 *
 * <p>B batch, N length, H query heads, D head dimension. What an operator is given are views (batch, heads, rows, D) by
 * {@link StridedView}.
 */
interface AtenDevice {
    AtenDevice CPU = new AtenOnCpu(), CUDA = new AtenOnCuda();

    static AtenDevice of(Tensor tensor) {
        return tensor.is_cuda() ? CUDA : CPU;
    }

    /** The tensor (B, N, H, D), or a copy, in a type and layout whose views the operators take, example after example. */
    Tensor rows(Tensor tensor);

    /** Most steps of a view's axis. */
    long longestAxis();

    /** Set for as long as operators are called. */
    Guard whileAttending();

    /** @param again whether views of this shape will come again */
    Aten.Flash attend(Tensor q, Tensor k, Tensor v, boolean causal, double scale, boolean again);

    /** The gradient of {@link #attend} for merged out and lse. */
    Aten.FlashGradients gradients(
            Tensor dout,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor out,
            Tensor lse,
            boolean causal,
            double scale,
            boolean again);

    /**
     * @param branches in the order in which they bring their rows
     * @param start position of the first row
     */
    Merged merged(Tensor q, List<Branch> branches, long start);

    /** @param like (B, N, H, D) */
    Summed summed(Tensor like, List<Branch> branches, long start);

    /** Output and lse of a whole sequence, which branches bring their rows to. */
    interface Merged {
        /**
         * @param branch index of the rows' branch; all of one branch come before the next one's
         * @param scope the innermost one
         */
        void add(StridedView view, Part part, int branch, Aten.Flash attended, Scope scope);

        /** out (B, N, H, D) and lse (B, H, N), the heads of one row together in memory. */
        AttentionKernel.Result result();
    }

    /** A gradient of a whole sequence, which branches add their rows to. */
    interface Summed {
        /**
         * @param from the view's row that {@code rows} begin at
         * @param scope the innermost one
         */
        void add(StridedView view, Part part, int branch, long from, Tensor rows, Scope scope);

        /** The sum (B, N, heads, D), over groups of neighbouring heads where {@code heads} divides H. */
        Tensor result(int heads);
    }
}
