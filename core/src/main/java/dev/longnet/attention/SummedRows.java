package dev.longnet.attention;

import dev.longnet.attention.Damping.Part;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;

/** A gradient of a whole sequence, (B, N, H, D), which branches add their kept rows to; see {@link MergedRows}. */
final class SummedRows {
    private final Tensor like;
    private Tensor sum;

    SummedRows(Tensor like) {
        this.like = like;
    }

    /**
     * @param from the view's row that {@code rows} begin at
     * @param scope the innermost one
     */
    void add(StridedView view, Part part, long from, Tensor rows, Scope scope) {
        if (sum == null && view.isWhole(part, like)) {
            sum = scope.keep(rows.transpose(1, 2).reshape(Tensors.shape(like)));
            return;
        }
        start(scope);
        view.of(sum).narrow(2, from, rows.size(2)).add_(rows);
    }

    Tensor result() {
        try (Scope scope = new Scope()) {
            start(scope);
        }
        return sum;
    }

    private void start(Scope scope) {
        if (sum == null) {
            sum = scope.keep(Tensors.zeros(Tensors.like(like), Tensors.shape(like)));
        }
    }
}
