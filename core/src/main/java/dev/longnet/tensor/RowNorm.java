package dev.longnet.tensor;

import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A layer norm of rows in bfloat16 in one pass with what goes before it, a sum or an activation; its gradient is written
 * out, one pass too. T rows, W width. Arithmetic is in float32.
 *
 * <p>On a GPU rows/norm.cu computes it, elsewhere the same formulas one after another.
 */
public final class RowNorm {
    /** Widest row that a thread block holds, eight numbers a thread. */
    private static final int WIDEST = 8192;

    private static final int THREADS_AT_ONCE = 768; // of a multiprocessor, as in norm.cu

    private final Tensor weight;
    private final Tensor bias;
    private final MasterWeights trainedWeight;
    private final MasterWeights trainedBias;
    private final double epsilon;
    private final Activation activation;

    /**
     * @param sum what was normalised, before the activation (T, W)
     * @param out (T, W)
     * @param statistics mean and inverse deviation of each row, float32 (T, 2)
     */
    public record Result(Tensor sum, Tensor out, Tensor statistics) {}

    /** @param activation applied before the norm */
    public RowNorm(LayerNorm norm, Activation activation) {
        this.weight = norm.weight();
        this.bias = norm.bias();
        this.epsilon = norm.epsilon();
        this.activation = activation;
        trainedWeight = new MasterWeights(weight);
        trainedBias = new MasterWeights(bias);
    }

    /** norm(activation(x)). */
    public Result forward(Tensor x) {
        return forward(x, null);
    }

    /** norm(activation(x + y)); y may be null. */
    public Result forward(Tensor x, Tensor y) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Result result = isFused(x) ? fused(x, y) : composed(x, y);
            return new Result(scope.keep(result.sum), scope.keep(result.out), scope.keep(result.statistics));
        }
    }

    private Result composed(Tensor x, Tensor y) {
        Tensor sum = y == null ? x : x.add(y);
        Tensor a = activation.forward(sum.to(ScalarType.Float));
        Tensor mean = mean(a), centered = a.sub(mean);
        Tensor deviation = torch.rsqrt(mean(centered.square()).add(new Scalar(epsilon)));
        Tensor out = centered.mul(deviation).mul(weight).add(bias).to(ScalarType.BFloat16);
        return new Result(sum, out, Tensors.cat(1, mean, deviation));
    }

    private Result fused(Tensor x, Tensor y) {
        long rows = x.size(0);
        Tensor sum = y == null ? x : Tensors.emptyLike(x);
        Tensor out = Tensors.emptyLike(x);
        Tensor statistics = Tensors.empty(floats(x), rows, 2);
        module(x.device(), y != null)
                .kernel("forward")
                .launch(
                        Math.min((rows + 1) / 2, blocks(x.device())),
                        1,
                        threads(),
                        1,
                        0,
                        x,
                        y,
                        weight,
                        bias,
                        y == null ? null : sum,
                        out,
                        statistics,
                        rows,
                        (float) epsilon);
        return new Result(sum, out, statistics);
    }

    /**
     * Writes the gradient of what was normalised and adds those of weight and bias.
     *
     * @param dx written, (T, W)
     * @param dout gradient of the output (T, W)
     * @param x the result's {@code sum}
     * @param residual what to add to dx, the gradient that passes by the norm, or null; never with an activation
     * @param before bias of what made x, whose gradient the sums over rows of {@code residual} (or, with an activation,
     *     of dx) are; null for none
     */
    public void backward(Tensor dx, Tensor dout, Tensor x, Tensor statistics, Tensor residual, MasterWeights before) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            Tensor sums = isFused(x)
                    ? fusedBackward(dx, dout, x, statistics, residual)
                    : composedBackward(dx, dout, x, statistics, residual);
            trainedWeight.addGradient(sums.select(0, 0));
            trainedBias.addGradient(sums.select(0, 1));
            if (before != null) {
                before.addGradient(sums.select(0, 2));
            }
        }
    }

    /** Returns (3, W): sums over rows of dout · normed, of dout, and of residual or dx. */
    private Tensor composedBackward(Tensor dx, Tensor dout, Tensor x, Tensor statistics, Tensor residual) {
        Tensor wide = x.to(ScalarType.Float), g = dout.to(ScalarType.Float);
        Tensor mean = statistics.narrow(1, 0, 1), deviation = statistics.narrow(1, 1, 1);
        Tensor normed = activation.forward(wide).sub(mean).mul(deviation);
        Tensor dnormed = g.mul(weight);
        Tensor own = activation.backward(
                dnormed.sub(mean(dnormed))
                        .sub(normed.mul(mean(dnormed.mul(normed))))
                        .mul(deviation),
                wide);
        Tensor third = residual == null ? own : residual.to(ScalarType.Float);
        dx.copy_(residual == null ? own : own.add(third));
        return Tensors.stack(0, g.mul(normed).sum(0), g.sum(0), third.sum(0));
    }

    private Tensor fusedBackward(Tensor dx, Tensor dout, Tensor x, Tensor statistics, Tensor residual) {
        long rows = x.size(0), blocks = Math.min(rows, blocks(x.device()));
        Tensor partial = Tensors.empty(floats(x), blocks, 3, width());
        module(x.device(), residual != null)
                .kernel("backward")
                .launch(blocks, 1, threads(), 1, 0, dout, x, statistics, residual, weight, dx, partial, rows);
        return ColumnSums.total(partial).view(3, width());
    }

    private boolean isFused(Tensor x) {
        return x.is_cuda() && width() % 8 == 0 && width() <= WIDEST && Tensors.type(weight) == ScalarType.Float;
    }

    private int width() {
        return (int) weight.size(0);
    }

    private int threads() {
        return (width() / 8 + 31) / 32 * 32;
    }

    private long blocks(Device device) {
        return (long) Gpu.of(device).multiprocessors() * Math.max(1, THREADS_AT_ONCE / threads());
    }

    private CudaModule module(Device device, boolean residual) {
        Map<String, Integer> defines =
                Map.of("WIDTH", width(), "RESIDUAL", residual ? 1 : 0, "ACTIVATION", activation.ordinal());
        return CudaModule.of(device, RowNorm.class, "rows/norm.cu", defines);
    }

    private static TensorOptions floats(Tensor x) {
        return Tensors.like(x, ScalarType.Float);
    }

    private static Tensor mean(Tensor x) {
        return x.mean(new long[] {1}, true, new ScalarTypeOptional());
    }
}
