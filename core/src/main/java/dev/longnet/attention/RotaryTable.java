package dev.longnet.attention;

import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.PairRotation;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.math.BigDecimal;
import java.util.List;
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
    private final long start;
    private final long length;
    private final long block;
    private final Tensor queries;
    private final Tensor keys;

    /** Of these positions alone, where any query may meet any key. */
    public RotaryTable(Rotary rotary, long start, long length, ScalarType type, Device device) {
        this(rotary, start, length, start, length, type, device);
    }

    /**
     * @param stretch where the first position is; all calls of one sequence fade alike
     * @param length number of positions N
     * @param block tokens, from the sequence's first one on, of blocks in which queries meet keys of the same block
     *     alone, as {@link dev.longnet.pattern.DilationPattern#enclosingBlock} knows them
     * @param type float32 or float64; narrower types are turned in float32
     */
    public RotaryTable(Rotary rotary, Stretch stretch, long length, long block, ScalarType type, Device device) {
        this(rotary, stretch.start(), length, 0, Math.min(block, stretch.length()), type, device);
    }

    private RotaryTable(
            Rotary rotary, long start, long length, long firstBlock, long block, ScalarType type, Device device) {
        this.rotary = rotary;
        this.start = start;
        this.length = length;
        this.block = block;
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            TensorOptions wide = Tensors.options(ScalarType.Double, Compute.wide(device));
            ScalarType complex = type == ScalarType.Double ? ScalarType.ComplexDouble : ScalarType.ComplexFloat;
            Tensor angles = angles(wide);
            if (bakesDamping()) {
                Tensor inBlock = Tensors.range(start - firstBlock, start - firstBlock + length, wide)
                        .remainder(new Scalar((double) block));
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

    /** p·θ_i modulo 2π up to one turn, (N, D/2) in float64. */
    private Tensor angles(TensorOptions wide) {
        double[] frequencies = rotary.frequencies();
        Tensor perToken = Tensors.of(frequencies, wide.device());
        Tensor angles = Tensors.empty(wide, length, frequencies.length);
        for (long row = 0; row < length; row += ROWS_AT_ONCE) {
            try (Scope scope = new Scope()) {
                long rows = Math.min(ROWS_AT_ONCE, length - row);
                double[] first = new double[frequencies.length];
                for (int i = 0; i < first.length; i++) {
                    first[i] = new BigDecimal(frequencies[i])
                            .multiply(BigDecimal.valueOf(start + row))
                            .remainder(TWO_PI)
                            .doubleValue();
                }
                Tensor steps = Tensors.range(0, rows, wide).unsqueeze(1);
                angles.narrow(0, row, rows).copy_(steps.mul(perToken).add_(Tensors.of(first, wide.device())));
            }
        }
        return angles;
    }

    /** As a table (N, 1, D/2) that broadcasts over batch and heads. */
    private static Tensor broadcast(Tensor table, ScalarType complex, Device device) {
        return table.to(complex).to(device, complex).unsqueeze(1);
    }
}
