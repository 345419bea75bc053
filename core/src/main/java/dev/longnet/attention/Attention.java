package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Arrays;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Dilated attention as a function in libtorch's graph: autograd gives its exact gradient. */
public final class Attention {
    private static final Set<ScalarType> TYPES =
            Set.of(ScalarType.Float, ScalarType.Double, ScalarType.BFloat16, ScalarType.Half);

    private Attention() {}

    /**
     * Attends and, where gradients are recorded, makes the result differentiable.
     *
     * @param q queries (B, N, H, D)
     * @param k keys (B, N, Hk, D), Hk dividing H
     * @param v values (B, N, Hk, D)
     * @return (B, N, H, D) in the type of q
     */
    public static Tensor attend(Tensor q, Tensor k, Tensor v, AttentionSpec spec, AttentionKernel kernel) {
        if (!Gradient.wanted(q, k, v)) {
            return forward(q, k, v, spec, kernel).out();
        }
        try (Scope scope = new Scope()) {
            AttentionKernel.Result result = forward(q, k, v, spec, kernel);
            Tensor out = result.out(), lse = result.lse();
            Tensor plainQ = q.detach(), plainK = k.detach(), plainV = v.detach();
            Gradient.Backward backward = dout -> {
                AttentionKernel.Gradients g = kernel.backward(dout, plainQ, plainK, plainV, out, lse, spec);
                return new Tensor[] {g.dq(), g.dk(), g.dv()};
            };
            Tensor[] saved = {plainQ, plainK, plainV, out, lse};
            return scope.keep(Gradient.attach(out, saved, backward, q, k, v));
        }
    }

    /** Checks the inputs and computes output and lse, without a gradient. */
    public static AttentionKernel.Result forward(
            Tensor q, Tensor k, Tensor v, AttentionSpec spec, AttentionKernel kernel) {
        check(q, k, v, spec);
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            AttentionKernel.Result result = kernel.forward(q, k, v, spec);
            return new AttentionKernel.Result(scope.keep(result.out()), scope.keep(result.lse()));
        }
    }

    /** Refuses inputs that a kernel cannot compute. */
    static void requireFit(AttentionKernel kernel, Tensor q, AttentionSpec spec) {
        String obstacle = kernel.obstacle(q.device(), Tensors.type(q), q.size(2), q.size(3), spec.simplest(q.size(1)));
        requireArgument(obstacle == null, "attention kernel %s %s", kernel.name(), obstacle);
    }

    private static void check(Tensor q, Tensor k, Tensor v, AttentionSpec spec) {
        long[] sq = Tensors.shape(q), sk = Tensors.shape(k), sv = Tensors.shape(v);
        requireArgument(
                sq.length == 4 && sk.length == 4 && Arrays.equals(sk, sv),
                "attention takes q (B, N, H, D) and k, v (B, N, Hk, D), got q %s, k %s, v %s",
                Arrays.toString(sq),
                Arrays.toString(sk),
                Arrays.toString(sv));
        requireArgument(
                sq[0] == sk[0] && sq[1] == sk[1] && sq[3] == sk[3],
                "q %s and k %s differ in batch, length or head dimension",
                Arrays.toString(sq),
                Arrays.toString(sk));
        requireArgument(
                numel(sq) > 0 && numel(sk) > 0,
                "q %s or k %s has an empty dimension",
                Arrays.toString(sq),
                Arrays.toString(sk));
        requireArgument(sq[2] % sk[2] == 0, "%d query heads are not a multiple of %d key/value heads", sq[2], sk[2]);
        ScalarType type = Tensors.type(q);
        requireArgument(
                type == Tensors.type(k) && type == Tensors.type(v),
                "q, k and v differ in type: %s, %s, %s",
                type,
                Tensors.type(k),
                Tensors.type(v));
        requireArgument(
                TYPES.contains(type), "attention takes float32, float64, bfloat16 or float16, got tensors of %s", type);
        String deviceQ = Tensors.deviceName(q), deviceK = Tensors.deviceName(k), deviceV = Tensors.deviceName(v);
        requireArgument(
                deviceQ.equals(deviceK) && deviceQ.equals(deviceV),
                "q, k and v are on different devices: %s, %s, %s",
                deviceQ,
                deviceK,
                deviceV);
        long[] lengths = spec.lengths();
        if (lengths != null) {
            requireArgument(lengths.length == sq[0], "%d lengths for a batch of %d examples", lengths.length, sq[0]);
            for (long l : lengths) {
                requireArgument(l >= 0 && l <= sq[1], "length %d is outside 0 … N = %d", l, sq[1]);
            }
        }
    }

    private static long numel(long[] shape) {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }
}
