package dev.longnet.tensor;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Edge;
import org.bytedeco.pytorch.FunctionPostHook;
import org.bytedeco.pytorch.FunctionPreHook;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Node;
import org.bytedeco.pytorch.PointerConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A function of ours in libtorch's graph, with what it saved for the backward pass.
 *
 * <p>libtorch's nodes cannot be extended from Java. Ours is the node of a tiny concatenation, led from our output to our
 * inputs by replacing its edges. Two hooks do the work: the first takes the incoming gradient away, so that the
 * concatenation computes nothing and checks no shapes, the second gives our gradients for its results.
 *
 * <p>The node owns the native halves of the hooks, and those only point weakly at Java. {@link #ALIVE} keeps the Java
 * halves for as long as the node lives: the node's last edge leads to a token, a one-element tensor whose memory libtorch
 * gives back by a call to {@link Freed}. What was saved is freed with the node, or as soon as a pass that does not keep
 * the graph has used it. So a graph needs no scope, and outlives any that its tensors are kept from.
 */
final class GraphNode {
    private static final Map<Long, GraphNode> ALIVE = new ConcurrentHashMap<>();
    private static final Freed FREED = Scope.own(new Freed());
    private static final ThreadLocal<TensorVector> HANDED = new ThreadLocal<>();

    /** What one of ours has thrown last. libtorch, which may call us on a thread of its own, passes on only the text. */
    private static final AtomicReference<Throwable> THROWN = new AtomicReference<>();

    private final Gradient.Backward backward;
    private final int inputs;
    private final Before before = new Before();
    private final After after = new After();
    private final DoublePointer token = Scope.own(new DoublePointer(1).put(0.0));
    private Tensor[] saved;
    private Tensor gradOut;

    private GraphNode(Gradient.Backward backward, Tensor[] saved, int inputs) {
        this.backward = backward;
        this.inputs = inputs;
        this.saved = saved.clone();
        for (Tensor tensor : this.saved) {
            tensor.retainReference();
        }
    }

    /** Makes {@code out}, a tensor without a graph, the result of a new node over the inputs. */
    static void attach(Tensor out, Gradient.Backward backward, Tensor[] saved, Tensor... inputs) {
        GraphNode ours = new GraphNode(backward, saved, inputs.length);
        ALIVE.put(ours.token.address(), ours);
        try (Scope scope = new Scope();
                var on = Gradient.on()) {
            Edge[] edges = new Edge[inputs.length];
            for (int i = 0; i < inputs.length; i++) {
                // A view has a node of its own, be the input a parameter or one of many results.
                edges[i] =
                        inputs[i].requires_grad() ? new Edge(inputs[i].alias().grad_fn(), 0) : new Edge();
            }
            TensorOptions options = Tensors.options(ScalarType.Double, Tensors.cpu());
            Tensor[] parts = new Tensor[inputs.length + 1];
            Arrays.fill(parts, torch.from_blob(ours.token, new long[] {1}, FREED, options));
            parts[0].set_requires_grad(true);
            Node node = Tensors.cat(0, parts).grad_fn();
            for (int i = 0; i < inputs.length; i++) {
                node.set_next_edge(i, edges[i]);
            }
            node.clear_input_metadata();
            node.add_pre_hook(ours.before);
            node.add_post_hook(ours.after);
            torch.create_gradient_edge(out, node);
        }
    }

    /** Number of nodes that have not been freed. */
    static int alive() {
        return ALIVE.size();
    }

    /** Throws what one of ours has thrown, given what libtorch has made of it; returns if that came from elsewhere. */
    static void rethrow(RuntimeException fromLibtorch) {
        Throwable ours = THROWN.getAndSet(null);
        if (ours != null && String.valueOf(fromLibtorch.getMessage()).startsWith(ours.toString())) {
            if (ours instanceof Error error) {
                throw error;
            }
            throw (RuntimeException) ours;
        }
    }

    /** Takes the incoming gradient. */
    private final class Before extends FunctionPreHook {
        @Override
        public TensorVector apply(TensorVector gradOutputs) {
            try (Scope scope = new Scope()) {
                gradOut = Scope.own(new Tensor(gradOutputs.get(0)));
                return hand(Scope.own(new TensorVector(new Tensor())));
            }
        }
    }

    /** Gives the gradients of the inputs. */
    private final class After extends FunctionPostHook {
        @Override
        public TensorVector apply(TensorVector none, TensorVector noneEither) {
            TensorVector results;
            try (Scope scope = new Scope()) {
                Tensor[] all = new Tensor[inputs + 1];
                Arrays.setAll(all, i -> new Tensor());
                if (gradOut.defined()) {
                    System.arraycopy(gradients(), 0, all, 0, inputs);
                }
                results = Scope.own(new TensorVector(all));
            } catch (RuntimeException | Error e) {
                THROWN.set(e);
                throw e;
            } finally {
                gradOut.close();
                if (!torch.get_current_graph_task_keep_graph()) {
                    freeSaved();
                }
            }
            return hand(results); // last: what is freed above may be other nodes, which let go of what was handed
        }

        private Tensor[] gradients() {
            if (saved == null) {
                throw new IllegalStateException(
                        "the graph was walked backward before and is gone; compute the output again, or keep the graph");
            }
            if (GradMode.is_enabled()) {
                throw new UnsupportedOperationException(
                        "attention has first derivatives only; walk the graph backward without create_graph");
            }
            Compute.use(gradOut.device()); // libtorch walks the graph in a thread of its own
            Tensor[] ours = backward.apply(gradOut);
            if (ours.length != inputs) {
                throw new AssertionError(ours.length + " gradients for " + inputs + " inputs");
            }
            return ours;
        }
    }

    /** Called by libtorch when the token of a node is gone. */
    private static final class Freed extends PointerConsumer {
        @Override
        public void call(Pointer token) {
            GraphNode gone = ALIVE.remove(token.address());
            gone.freeSaved();
            gone.token.close();
            hand(null);
        }
    }

    /**
     * Keeps what a hook returns, owned by nobody else, until libtorch has copied it, which it has when the next one on this thread returns or a
     * node goes away, so that gradients do not pile up.
     */
    private static TensorVector hand(TensorVector vector) {
        TensorVector before = HANDED.get();
        if (before != null) {
            before.close();
        }
        HANDED.set(vector);
        return vector;
    }

    private synchronized void freeSaved() {
        if (saved != null) {
            for (Tensor tensor : saved) {
                tensor.releaseReference();
            }
            saved = null;
        }
    }
}
