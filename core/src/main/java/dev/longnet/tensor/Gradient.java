package dev.longnet.tensor;

import java.util.Arrays;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** Recording of gradients, and gradients of our own in libtorch's graph. */
public final class Gradient {
    private Gradient() {}

    /** Computes the gradients of the inputs, in their order, from the gradient of the output. */
    @FunctionalInterface
    public interface Backward {
        Tensor[] apply(Tensor gradOut);
    }

    /** Turns the recording of gradients off on this thread until closed. */
    public static Guard off() {
        return mode(false);
    }

    /** Turns the recording of gradients on on this thread until closed. */
    public static Guard on() {
        return mode(true);
    }

    private static Guard mode(boolean record) {
        boolean before = GradMode.is_enabled();
        GradMode.set_enabled(record);
        return () -> GradMode.set_enabled(before);
    }

    /**
     * Adds the gradients of everything that {@code out} was computed from, given its own. What a {@link Backward} throws
     * comes out.
     */
    public static void backward(Tensor out, Tensor gradOut) {
        try {
            out.backward(gradOut, new BoolOptional(), false, new TensorArrayRefOptional());
        } catch (RuntimeException e) {
            GraphNode.rethrow(e);
            throw e;
        }
    }

    /**
     * The gradients of the inputs, in their order, given that of {@code out}; they are not added to the inputs' own. What a
     * {@link Backward} throws comes out.
     */
    public static Tensor[] of(Tensor out, Tensor gradOut, Tensor... inputs) {
        try (Scope scope = new Scope()) {
            TensorVector results = torch.grad(
                    new TensorVector(out),
                    new TensorVector(inputs),
                    new TensorVector(gradOut),
                    new BoolOptional(),
                    false,
                    false);
            Tensor[] gradients = new Tensor[inputs.length];
            Arrays.setAll(gradients, i -> scope.keep(new Tensor(results.get(i))));
            return gradients;
        } catch (RuntimeException e) {
            GraphNode.rethrow(e);
            throw e;
        }
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
     * Puts {@code out} into the graph as a function of the inputs.
     *
     * <p>The backward pass may use the tensors in {@code saved} and nothing else that a scope owns: they live until the
     * pass has used them or the graph is dropped. {@code out} may be among them.
     *
     * @param out the result, computed with gradients off
     * @param saved what {@code backward} needs; without a graph of their own
     * @param backward gives the gradients of the inputs in their order and shapes
     * @return a tensor with the data of {@code out} and a gradient
     */
    public static Tensor attach(Tensor out, Tensor[] saved, Backward backward, Tensor... inputs) {
        Tensor result = out.detach();
        GraphNode.attach(result, backward, saved, inputs);
        return result;
    }
}
