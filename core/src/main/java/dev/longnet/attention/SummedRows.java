package dev.longnet.attention;

import dev.longnet.attention.Damping.Part;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;

/** A gradient of a whole sequence, (B, N, H, D), which branches add their kept rows to; see {@link MergedRows}. */
final class SummedRows implements AtenDevice.Summed {
    private final Tensor like;
    private Tensor sum;

    SummedRows(Tensor like) {
        this.like = like;
    }

    @Override
    public void add(StridedView view, Part part, int branch, long from, Tensor rows, Scope scope) {
        if (sum == null && view.isWhole(part, like)) {
            sum = scope.keep(rows.transpose(1, 2).reshape(Tensors.shape(like)));
            return;
        }
        start(scope);
        view.of(sum).narrow(2, from, rows.size(2)).add_(rows);
    }

    @Override
    public Tensor result(int heads) {
        try (Scope scope = new Scope()) {
            start(scope);
        }
        long group = sum.size(2) / heads;
        return group == 1 ? sum : sum.unflatten(2, heads, group).sum(3);
    }

    private void start(Scope scope) {
        if (sum == null) {
            sum = scope.keep(Tensors.zeros(Tensors.like(like), Tensors.shape(like)));
        }
    }
}
