package dev.longnet.attention;

import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.PairRotation;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.math.BigDecimal;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The rotations of a stretch of positions, ready to multiply queries and keys.
 *
 * <p>Exact to the type of the table at any position up to 2^40: the angle of every 2^20th position is reduced modulo
 * 2π in decimal arithmetic, the few more from there on are float64. Damping is counted from the middle of blocks that no
 * pair of a query and a key crosses, never from position 0; where these are too long for that ({@link
 * Rotary#longestDamped}), the table only turns and {@link AttentionSpec#damping} leaves the fading to the kernel. A table
 * belongs to the scope it was made in.
 */
public final class RotaryTable {
    private static final BigDecimal TWO_PI =
            new BigDecimal("6.28318530717958647692528676655900576839433879875021164194988918461563281257");
    private static final long ROWS_AT_ONCE = 1 << 20;

    private final Rotary rotary;
    private final long block;
    private final Tensor queries;
    private final Tensor keys;

    /** Of these positions alone, where any query may meet any key. */
    public RotaryTable(Rotary rotary, long start, long length, ScalarType type, Device device) {
        this(rotary, Rows.neighbours(start, length), start, length, type, device);
    }

    /**
     * @param stretch where the first position is; all calls of one sequence fade alike
     * @param length number of positions N
     * @param block tokens, from the sequence's first one on, of blocks in which queries meet keys of the same block
     *     alone, as {@link dev.longnet.pattern.DilationPattern#enclosingBlock} knows them
     * @param type float32 or float64; narrower types are turned in float32
     */
    public RotaryTable(Rotary rotary, Stretch stretch, long length, long block, ScalarType type, Device device) {
        this(rotary, Rows.neighbours(stretch.start(), length), 0, Math.min(block, stretch.length()), type, device);
    }

    /**
     * Of one position in each of several texts that have no end yet.
     *
     * @param positions N of them
     * @param block as above
     */
    public RotaryTable(Rotary rotary, long[] positions, long block, ScalarType type, Device device) {
        this(rotary, new Rows(positions, 1, positions.length), 0, block, type, device);
    }

    private RotaryTable(Rotary rotary, Rows rows, long firstBlock, long block, ScalarType type, Device device) {
        this.rotary = rotary;
        this.block = block;
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            TensorOptions wide = Tensors.options(ScalarType.Double, Compute.wide(device));
            ScalarType complex = type == ScalarType.Double ? ScalarType.ComplexDouble : ScalarType.ComplexFloat;
            Tensor angles = rows.angles(rotary.frequencies(), wide);
            if (bakesDamping()) {
                Tensor inBlock = rows.places(firstBlock, wide).remainder(new Scalar((double) block));
                Tensor steps = inBlock.sub(new Scalar((block - 1) / 2.0));
                Tensor growth = Ops.exp2(steps.unsqueeze(1).mul(Tensors.of(rotary.exponents(), wide.device())));
                queries = scope.keep(broadcast(Ops.polar(growth, angles), complex, device));
                keys = scope.keep(broadcast(Ops.polar(growth.reciprocal(), angles), complex, device));
            } else {
                Tensor one = Tensors.full(1, wide, 1);
                Tensor turns = Ops.polar(one.expand(Tensors.shape(angles)).contiguous(), angles);
                queries = scope.keep(broadcast(turns, complex, device));
                keys = queries;
            }
        }
    }

    /**
     * Positions of a table's rows, run after run of neighbours.
     *
     * @param starts first position of each run
     * @param each positions of a run
     * @param count rows N; the last run may be cut
     */
    private record Rows(long[] starts, long each, long count) {
        static Rows neighbours(long start, long count) {
            long each = Math.min(count, ROWS_AT_ONCE);
            long[] starts = LongStream.iterate(start, at -> at < start + count, at -> at + each)
                    .toArray();
            return new Rows(starts, each, count);
        }

        /** p·θ_i modulo 2π up to one turn, (N, D/2) in float64. */
        Tensor angles(double[] frequencies, TensorOptions wide) {
            double[] first = new double[starts.length * frequencies.length];
            for (int i = 0; i < first.length; i++) {
                first[i] = new BigDecimal(frequencies[i % frequencies.length])
                        .multiply(BigDecimal.valueOf(starts[i / frequencies.length]))
                        .remainder(TWO_PI)
                        .doubleValue();
            }
            Tensor perToken = Tensors.of(frequencies, wide.device());
            Tensor firsts = Tensors.of(first, wide.device(), starts.length, 1, frequencies.length);
            return rows(steps(wide).unsqueeze(1).mul(perToken).add(firsts));
        }

        /** The positions counted from another, (N) in float64. */
        Tensor places(long from, TensorOptions wide) {
            double[] first = LongStream.of(starts).mapToDouble(at -> at - from).toArray();
            return rows(steps(wide).add(Tensors.of(first, wide.device(), starts.length, 1)));
        }

        private Tensor steps(TensorOptions wide) {
            return Tensors.range(0, each, wide);
        }

        private Tensor rows(Tensor ofRuns) {
            return ofRuns.flatten(0, 1).narrow(0, 0, count);
        }
    }

    /**
     * Turns, and where it fits dampens, queries and keys where they lie, or takes their gradients back.
     *
     * @param packed (B, N, H + 2 Hk, D)
     * @param heads H
     */
    void turnPacked(Tensor packed, int heads, boolean back) {
        PairRotation.turn(packed, queries, keys, heads, back);
    }

    /** Turns, and where it fits dampens, queries (B, N, H, D). */
    Tensor turnQueries(Tensor q) {
        return Ops.rotatePairs(q, queries);
    }

    /** Turns, and where it fits dampens, keys (B, N, Hk, D). */
    Tensor turnKeys(Tensor k) {
        return Ops.rotatePairs(k, keys);
    }

    /** What is left for the kernel to do, or null. */
    Rotary damping() {
        return rotary.damping() > 0 && !bakesDamping() ? rotary : null;
    }

    /** What the table is made of, for those that keep it beyond its scope. */
    public List<Tensor> tensors() {
        return List.of(queries, keys);
    }

    private boolean bakesDamping() {
        return rotary.damping() > 0 && block <= rotary.longestDamped();
    }

    /** As a table (N, 1, D/2) that broadcasts over batch and heads. */
    private static Tensor broadcast(Tensor table, ScalarType complex, Device device) {
        return table.to(complex).to(device, complex).unsqueeze(1);
    }
}
