package dev.longnet.model;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.tensor.Dropout;
import dev.longnet.tensor.Scope;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * What the backward pass of a {@link RowBlock} needs and does not compute again. It owns the tensors until it is closed;
 * who needs them longer keeps them too.
 */
final class KeptRows implements AutoCloseable {
    private final List<Before> before = new ArrayList<>();
    private final List<After> after = new ArrayList<>();
    private final List<Tensor> tensors = new ArrayList<>();
    private Tensor packed;
    private AttentionKernel.Result attended;

    /** Of some rows, before attention: their norm, what the projections take. */
    record Before(Tensor normed, Tensor statistics) {}

    /**
     * Of some rows, after attention.
     *
     * @param joined what the output projection takes
     * @param innerStatistics of the norm that made it, or null without one
     * @param sum the residual stream after attention
     * @param normed its norm, what the feed-forward layer takes
     */
    record After(
            Tensor joined,
            Tensor innerStatistics,
            Dropout attendedDrop,
            Tensor sum,
            Tensor normed,
            Tensor statistics,
            RowFeedForward.Hidden hidden,
            Dropout fedDrop) {}

    void add(Before rows) {
        own(rows.normed, rows.statistics);
        before.add(rows);
    }

    void add(After rows) {
        own(rows.joined, rows.innerStatistics, rows.attendedDrop.mask(), rows.sum, rows.normed, rows.statistics);
        own(rows.hidden.raw(), rows.hidden.statistics(), rows.hidden.hidden(), rows.fedDrop.mask());
        after.add(rows);
    }

    void attended(Tensor packed, AttentionKernel.Result attended) {
        own(packed, attended.out(), attended.lse());
        this.packed = packed;
        this.attended = attended;
    }

    Before before(int part) {
        return before.get(part);
    }

    After after(int part) {
        return after.get(part);
    }

    Tensor packed() {
        return packed;
    }

    AttentionKernel.Result attended() {
        return attended;
    }

    /** All of them. */
    List<Tensor> tensors() {
        return tensors;
    }

    private void own(Tensor... more) {
        for (Tensor tensor : more) {
            if (tensor != null) {
                tensors.add(Scope.own(tensor));
            }
        }
    }

    @Override
    public void close() {
        for (Tensor tensor : tensors) {
            tensor.close();
        }
    }
}
