package dev.longnet.attention;

import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * xPos factors for the rows of a segment, counted from where they are used so that none overflows.
 *
 * <p>ζ^((i−j)/c) is split into a factor of the query and one of the key around a point in the middle. Where a segment is
 * longer than float32 allows, its queries are taken in stretches: keys of the stretch itself around its middle, earlier
 * keys around the same middle, where they only fade.
 */
final class Damping {
    private final Rotary rotary;

    /** @param rotary null for none */
    Damping(Rotary rotary) {
        this.rotary = rotary;
    }

    /** Queries [from, from + rows) of a segment's kept rows against its keys [keysFrom, keysFrom + keys). */
    record Part(long from, long rows, long keysFrom, long keys, boolean causal) {
        /** These rows of a (·, ·, rows, D) or (·, ·, rows) view. */
        Tensor queries(Tensor view) {
            return rows(view, from, rows);
        }

        Tensor keys(Tensor view) {
            return rows(view, keysFrom, keys);
        }

        private static Tensor rows(Tensor view, long from, long count) {
            return count == view.size(2) ? view : view.narrow(2, from, count);
        }
    }

    /** The parts that a segment's rows are attended in, {@code ratio} positions from one row to the next. */
    List<Part> parts(long rows, int ratio, boolean causal) {
        long stretch = stretch(rows, ratio);
        List<Part> parts = new ArrayList<>();
        for (long from = 0; from < rows; from += stretch) {
            long count = Math.min(stretch, rows - from);
            parts.add(new Part(from, count, from, count, causal));
            if (from > 0) {
                parts.add(new Part(from, count, 0, from, false));
            }
        }
        return parts;
    }

    /**
     * The parts that queries [keys, keys + rows) of a segment's kept rows are attended in against its keys [0, keys), all
     * of them earlier.
     */
    List<Part> later(long keys, long rows, int ratio) {
        long stretch = stretch(rows, ratio);
        List<Part> parts = new ArrayList<>();
        for (long from = 0; from < rows; from += stretch) {
            parts.add(new Part(keys + from, Math.min(stretch, rows - from), 0, keys, false));
        }
        return parts;
    }

    /** Rows of which factors around the middle do not overflow. */
    private long stretch(long rows, int ratio) {
        return rotary == null ? rows : Math.max(1, rotary.longestDamped() / ratio);
    }

    /** Factors (rows, D) of the part's queries, or null for none. */
    Tensor ofQueries(Part part, int ratio, Tensor like) {
        return rotary == null ? null : factors(part.from(), part.rows(), middle(part), ratio, like);
    }

    /** Factors (keys, D) of the part's keys, or null for none. */
    Tensor ofKeys(Part part, int ratio, Tensor like) {
        return rotary == null ? null : factors(part.keysFrom(), part.keys(), middle(part), -ratio, like);
    }

    private static double middle(Part part) {
        return part.from() + (part.rows() - 1) / 2.0;
    }

    /** ζ_d^(step·(i − middle)/c) of rows i, each pair's factor twice. */
    private Tensor factors(long from, long rows, double middle, int step, Tensor like) {
        TensorOptions wide = Tensors.options(ScalarType.Double, Compute.wide(like.device()));
        Tensor tokens =
                Tensors.range(from, from + rows, wide).sub(new Scalar(middle)).mul(new Scalar((double) step));
        Tensor pairs = Ops.exp2(tokens.unsqueeze(1).mul(Tensors.of(rotary.exponents(), wide.device())));
        return pairs.to(Tensors.type(like))
                .to(like.device(), Tensors.type(like))
                .unsqueeze(2)
                .expand(rows, pairs.size(1), 2)
                .flatten(1, 2);
    }
}
