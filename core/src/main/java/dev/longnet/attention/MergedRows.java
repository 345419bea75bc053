package dev.longnet.attention;

import dev.longnet.attention.Damping.Part;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Output and lse of a whole sequence, which branches bring their kept rows to.
 *
 * <p>Flash attention leaves its results as (B, N, H, D) and (B, N, H) in memory. So where the first view has every row
 * its result is taken over as it is; only otherwise does the sum start from 0 and −∞.
 */
final class MergedRows implements AtenDevice.Merged {
    private final Tensor like;
    private Tensor out;
    private Tensor lse;

    /** @param like (B, N, H, D) of the result's type */
    MergedRows(Tensor like) {
        this.like = like;
    }

    @Override
    public void add(StridedView view, Part part, int branch, Aten.Flash attended, Scope scope) {
        if (out == null && view.isWhole(part, like)) {
            out = scope.keep(attended.out().transpose(1, 2).reshape(Tensors.shape(like)));
            lse = scope.keep(attended.lse()
                    .transpose(1, 2)
                    .reshape(like.size(0), like.size(1), like.size(2))
                    .transpose(1, 2));
            return;
        }
        start(scope);
        Tensor outRows = part.queries(view.of(out)), lseRows = part.queries(view.ofLse(lse));
        if (branch == 0 && part.keysFrom() == part.from()) { // nobody has brought these rows yet
            outRows.copy_(attended.out());
            lseRows.copy_(attended.lse());
        } else {
            Merge.into(outRows, lseRows, attended);
        }
    }

    @Override
    public AttentionKernel.Result result() {
        try (Scope scope = new Scope()) {
            start(scope);
        }
        return new AttentionKernel.Result(out, lse);
    }

    private void start(Scope scope) {
        if (out == null) {
            out = scope.keep(Tensors.zeros(Tensors.like(like), Tensors.shape(like)));
            // The heads of one row lie together in memory.
            lse = scope.keep(
                    Tensors.full(Double.NEGATIVE_INFINITY, Tensors.like(like), like.size(0), like.size(1), like.size(2))
                            .transpose(1, 2));
        }
    }
}
