package dev.longnet.tensor;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorType;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Type;

/** ATen operators that have no Java method, called by name through libtorch's dispatcher. */
public final class Aten {
    private static final Map<String, OperatorHandle> OPERATORS = new ConcurrentHashMap<>();

    private Aten() {}

    /** What flash attention returns. Shapes: out (B, H, N, D), lse (B, H, N) in float32 or wider. */
    public record Flash(Tensor out, Tensor lse) {}

    /** Gradients of flash attention, each of the shape of its input. */
    public record FlashGradients(Tensor dq, Tensor dk, Tensor dv) {}

    /**
     * Blockwise softmax attention on the CPU. Rows may be strided; the last dimension must be contiguous, or the answer
     * is NaN without a word.
     *
     * @param q queries (B, H, Nq, D)
     * @param k keys (B, H, Nk, D)
     * @param v values (B, H, Nk, D)
     */
    public static Flash flashOnCpu(Tensor q, Tensor k, Tensor v, boolean causal, double scale) {
        try (Scope scope = new Scope()) {
            IValueVector stack =
                    call("aten::_scaled_dot_product_flash_attention_for_cpu", q, k, v, 0.0, causal, null, scale);
            return new Flash(scope.keep(result(stack, 0)), scope.keep(result(stack, 1)));
        }
    }

    /** The gradient of {@link #flashOnCpu} for the given, possibly merged, {@code out} and {@code lse}. */
    public static FlashGradients flashOnCpuBackward(
            Tensor dout, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal, double scale) {
        try (Scope scope = new Scope()) {
            IValueVector stack = call(
                    "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
                    dout,
                    q,
                    k,
                    v,
                    out,
                    lse,
                    0.0,
                    causal,
                    null,
                    scale);
            return new FlashGradients(
                    scope.keep(result(stack, 0)), scope.keep(result(stack, 1)), scope.keep(result(stack, 2)));
        }
    }

    /**
     * One AdamW step over many parameters in one pass, in place.
     *
     * @param steps one float32 scalar tensor a parameter, already counted up
     */
    public static void fusedAdamW(
            TensorVector parameters,
            TensorVector gradients,
            TensorVector means,
            TensorVector squares,
            TensorVector steps,
            double learningRate,
            double beta1,
            double beta2,
            double weightDecay,
            double epsilon) {
        try (Scope scope = new Scope()) {
            call(
                    "aten::_fused_adamw_",
                    parameters,
                    gradients,
                    means,
                    squares,
                    new TensorVector(),
                    steps,
                    learningRate,
                    beta1,
                    beta2,
                    weightDecay,
                    epsilon,
                    false,
                    false,
                    null,
                    null);
            // The operator does not count its changes; who rounds parameters once a change goes by the count.
            for (long i = 0; i < parameters.size(); i++) {
                parameters.get(i).unsafeGetTensorImpl().bump_version();
            }
        }
    }

    /** The Euclidean norm of each tensor. */
    public static TensorVector norms(TensorVector tensors) {
        try (Scope scope = new Scope()) {
            IValueVector stack = call("aten::_foreach_norm.Scalar", tensors, new Scalar(2.0), null);
            return scope.keep(new TensorVector(stack.get(0).toTensorVector()));
        }
    }

    /** Copies tensors into others of their shapes, converting types. */
    public static void copy(TensorVector into, TensorVector from) {
        try (Scope scope = new Scope()) {
            call("aten::_foreach_copy_", into, from, false);
        }
    }

    /** Multiplies every tensor by a scalar tensor, in place. */
    public static void multiply(TensorVector tensors, Tensor factor) {
        try (Scope scope = new Scope()) {
            call("aten::_foreach_mul_.Tensor", tensors, factor);
        }
    }

    /** Adds a number to every tensor, in place. */
    public static void add(TensorVector tensors, double number) {
        try (Scope scope = new Scope()) {
            call("aten::_foreach_add_.Scalar", tensors, new Scalar(number));
        }
    }

    /** @param operator name, and after a dot its overload */
    static IValueVector call(String operator, Object... arguments) {
        IValueVector stack = new IValueVector();
        for (Object argument : arguments) {
            stack.push_back(value(argument));
        }
        OPERATORS.computeIfAbsent(operator, Aten::find).callBoxed(stack);
        return stack;
    }

    private static OperatorHandle find(String operator) {
        int dot = operator.indexOf('.');
        return Scope.own(Dispatcher.singleton()
                .findSchemaOrThrow(
                        dot < 0 ? operator : operator.substring(0, dot), dot < 0 ? "" : operator.substring(dot + 1)));
    }

    /** A list of tensors as operators take it; an IValue cannot be made of a TensorVector itself. */
    private static GenericList list(TensorVector tensors) {
        GenericList list = new GenericList(new Type.TypePtr(TensorType.get()));
        for (long i = 0; i < tensors.size(); i++) {
            list.push_back(new IValue(tensors.get(i)));
        }
        return list;
    }

    /** A tensor of its own; the one that the stack shows dies with the stack. */
    static Tensor result(IValueVector stack, long index) {
        return new Tensor(stack.get(index).toTensor());
    }

    private static IValue value(Object argument) {
        if (argument == null) {
            return new IValue();
        } else if (argument instanceof Tensor tensor) {
            return new IValue(tensor);
        } else if (argument instanceof TensorVector tensors) {
            return new IValue(list(tensors));
        } else if (argument instanceof Boolean flag) {
            return new IValue(flag);
        } else if (argument instanceof Scalar scalar) {
            return new IValue(scalar);
        } else if (argument instanceof Double number) {
            return new IValue(number);
        } else if (argument instanceof Long number) {
            return new IValue(number);
        }
        throw new AssertionError("no IValue for " + (argument instanceof Pointer ? argument.getClass() : argument));
    }
}
