package dev.longnet.tensor;

import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * libtorch's blockwise attentions on NVIDIA GPUs of compute capability 8.0 and later, in bfloat16 and float16.
 *
 * <p>Shapes: q, out (B, H, Nq, D), k, v (B, H, Nk, D), lse (B, H, Nq) in float32. B and H are at most {@link #MOST}, D is
 * a multiple of 8. q, k and v may be strided, by multiples of 16 bytes and with features together; what the operators
 * make is as dense as its shape.
 */
public enum CudaAttention {
    /** FlashAttention-2, up to D = 256. It takes any shape as it comes. */
    FLASH {
        @Override
        IValueVector call(Tensor q, Tensor k, Tensor v, boolean causal, double scale) {
            return Aten.call("aten::_scaled_dot_product_flash_attention", q, k, v, 0.0, causal, false, scale);
        }

        @Override
        IValueVector callBackward(
                Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal, double scale) {
            Tensor none = new Tensor(), seed = noSeed(q);
            return Aten.call(
                    "aten::_scaled_dot_product_flash_attention_backward",
                    dout,
                    q,
                    k,
                    v,
                    out,
                    lse,
                    none,
                    none,
                    q.size(2),
                    k.size(2),
                    0.0,
                    causal,
                    seed,
                    seed,
                    scale);
        }
    },

    /**
     * cuDNN's, up to D = 128 and of two keys or more. It makes a plan for every new shape, which takes long, and keeps
     * the plan for good; so it is for shapes that come again.
     */
    CUDNN {
        @Override
        IValueVector call(Tensor q, Tensor k, Tensor v, boolean causal, double scale) {
            return Aten.call(
                    "aten::_scaled_dot_product_cudnn_attention", q, k, v, null, true, 0.0, causal, false, scale);
        }

        /** A plan is found again by shape and strides of q, k and v alone, so out, dout and lse lie as their shape says. */
        @Override
        IValueVector callBackward(
                Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal, double scale) {
            Tensor none = new Tensor(), seed = noSeed(q);
            return Aten.call(
                    "aten::_scaled_dot_product_cudnn_attention_backward",
                    dout,
                    q,
                    k,
                    v,
                    out,
                    lse.unsqueeze(3),
                    seed,
                    seed,
                    none,
                    none,
                    none,
                    q.size(2),
                    k.size(2),
                    0.0,
                    causal,
                    scale);
        }
    };

    /** Most examples and most heads of a call. */
    public static final int MOST = 65535;

    abstract IValueVector call(Tensor q, Tensor k, Tensor v, boolean causal, double scale);

    abstract IValueVector callBackward(
            Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal, double scale);

    /** Attention and its log-sum-exp. */
    public Aten.Flash forward(Tensor q, Tensor k, Tensor v, boolean causal, double scale) {
        try (Scope scope = new Scope()) {
            IValueVector stack = call(q, k, v, causal, scale);
            Tensor lse = Aten.result(stack, 1).view(q.size(0), q.size(1), q.size(2)); // cuDNN's has a fourth axis
            return new Aten.Flash(scope.keep(Aten.result(stack, 0)), scope.keep(lse));
        }
    }

    /** The gradient of {@link #forward} for the given, possibly merged, {@code out} and {@code lse}. */
    public Aten.FlashGradients backward(
            Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal, double scale) {
        try (Scope scope = new Scope()) {
            IValueVector stack = callBackward(byRows(dout), q, k, v, byRows(out), lse.contiguous(), causal, scale);
            return new Aten.FlashGradients(
                    scope.keep(Aten.result(stack, 0)),
                    scope.keep(Aten.result(stack, 1)),
                    scope.keep(Aten.result(stack, 2)));
        }
    }

    /** The tensor, or a copy, in memory as (B, N, H, D) one after another. */
    private static Tensor byRows(Tensor tensor) {
        return tensor.transpose(1, 2).contiguous().transpose(1, 2);
    }

    /** What stands for the random numbers of a dropout that there is none of; nobody reads it. */
    private static Tensor noSeed(Tensor q) {
        return Tensors.empty(Tensors.options(ScalarType.Long, q.device()), 1);
    }
}
