package dev.longnet.tensor;

import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.FunctionPostHook;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Node;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorVector;

/**
 * Gradients of our own in libtorch's graph.
 *
 * <p>libtorch's {@code Function} cannot be extended from Java. Instead a cheap node of libtorch's own carries the
 * gradient: it has our inputs as its inputs, its output is given our result as its data, and a hook on it replaces the
 * gradients it computes by ours.
 */
public final class Gradient {
    private Gradient() {}

    /** Computes the gradients of the inputs, in their order, from the gradient of the output. */
    @FunctionalInterface
    public interface Backward {
        Tensor[] apply(Tensor gradOut);
    }

    /** Turns the recording of gradients off on this thread until closed. */
    public static AutoCloseableGuard off() {
        return mode(false);
    }

    /** Turns the recording of gradients on on this thread until closed. */
    public static AutoCloseableGuard on() {
        return mode(true);
    }

    private static AutoCloseableGuard mode(boolean record) {
        boolean before = GradMode.is_enabled();
        GradMode.set_enabled(record);
        return () -> GradMode.set_enabled(before);
    }

    /** Adds the gradients of everything that {@code out} was computed from, given its own. */
    public static void backward(Tensor out, Tensor gradOut) {
        out.backward(gradOut, new BoolOptional(), false, new TensorArrayRefOptional());
    }

    /** Whether a result computed from these tensors now would have to carry a gradient. */
    public static boolean wanted(Tensor... inputs) {
        if (!GradMode.is_enabled()) {
            return false;
        }
        for (Tensor input : inputs) {
            if (input.requires_grad()) {
                return true;
            }
        }
        return false;
    }

    /**
     * Puts {@code out} into the graph as a function of three inputs whose shapes broadcast to it.
     *
     * @param out the result, computed with gradients off
     * @param backward gives the gradients of a, b and c in their own shapes
     * @return a tensor with the data of {@code out} and a gradient
     */
    public static Tensor attach(Tensor out, Tensor a, Tensor b, Tensor c, Backward backward) {
        Tensor carrier = a.addcmul(b, c, new Scalar(0.0));
        return replace(carrier, out, backward, 3);
    }

    /** Puts {@code out} into the graph as a function of one input of the same shape. */
    public static Tensor attach(Tensor out, Tensor input, Backward backward) {
        Tensor carrier = input.mul(new Scalar(1.0));
        return replace(carrier, out, backward, 1);
    }

    private static Tensor replace(Tensor carrier, Tensor out, Backward backward, int inputs) {
        carrier.set_data(out);
        Hook hook = new Hook(backward, inputs);
        Scope.hold(hook);
        Node node = carrier.grad_fn();
        node.add_post_hook(hook);
        return carrier;
    }

    /** A guard whose closing throws nothing. */
    public interface AutoCloseableGuard extends AutoCloseable {
        @Override
        void close();
    }

    /** Called by libtorch after the carrier's own, discarded, backward. */
    private static final class Hook extends FunctionPostHook {
        private final Backward backward;
        private final int inputs;

        Hook(Backward backward, int inputs) {
            this.backward = backward;
            this.inputs = inputs;
        }

        @Override
        public TensorVector apply(TensorVector gradInputs, TensorVector gradOutputs) {
            try (Scope scope = new Scope()) {
                Tensor[] gradients = backward.apply(gradOutputs.get(0));
                if (gradients.length != inputs) {
                    throw new AssertionError(gradients.length + " gradients for " + inputs + " inputs");
                }
                return scope.keep(new TensorVector(gradients));
            }
        }
    }
}
