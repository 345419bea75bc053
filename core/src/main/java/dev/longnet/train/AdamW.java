package dev.longnet.train;

import dev.longnet.LongNetException;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;

/**
 * AdamW (arXiv 1711.05101) in libtorch's fused kernel. Matrices decay; biases and norms, which have one dimension, do
 * not. It owns its state: call {@link #close}.
 */
public final class AdamW implements AutoCloseable {
    private final Map<String, Slot> slots = new LinkedHashMap<>();
    private final TrainConfig config;

    private record Slot(Tensor parameter, Tensor mean, Tensor square, Tensor steps) {}

    /** @param parameters by name, owned by the model */
    public AdamW(Map<String, Tensor> parameters, TrainConfig config) {
        this.config = config;
        try (Scope scope = new Scope()) {
            parameters.forEach((name, parameter) -> slots.put(
                    name,
                    new Slot(
                            Scope.own(parameter),
                            Scope.own(Tensors.zeros(Tensors.like(parameter), Tensors.shape(parameter))),
                            Scope.own(Tensors.zeros(Tensors.like(parameter), Tensors.shape(parameter))),
                            Scope.own(Tensors.zeros(Tensors.like(parameter))))));
        }
    }

    /**
     * Scales all gradients down together so that their norm is at most the configured one.
     *
     * @return the norm before, as a scalar tensor
     */
    public Tensor clip() {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            TensorVector gradients = new TensorVector();
            slots.values().forEach(slot -> gradients.push_back(gradient(slot)));
            Tensor norm = Tensors.stack(0, Aten.norms(gradients)).norm();
            if (config.clip() > 0) {
                Tensor factor = norm.add(new Scalar(1e-6)).reciprocal().mul(new Scalar(config.clip()));
                Aten.multiply(gradients, factor.minimum(Tensors.full(1, Tensors.like(norm))));
            }
            return scope.keep(norm);
        }
    }

    /** One step with the gradients that stand at the parameters, which are then cleared. */
    public void step(double learningRate) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            for (boolean decays : new boolean[] {true, false}) {
                TensorVector parameters = new TensorVector(), gradients = new TensorVector();
                TensorVector means = new TensorVector(), squares = new TensorVector(), steps = new TensorVector();
                for (Slot slot : slots.values()) {
                    if (slot.parameter.dim() > 1 == decays) {
                        parameters.push_back(slot.parameter);
                        gradients.push_back(gradient(slot));
                        means.push_back(slot.mean);
                        squares.push_back(slot.square);
                        steps.push_back(slot.steps);
                    }
                }
                if (parameters.size() > 0) {
                    Aten.add(steps, 1);
                    Aten.fusedAdamW(
                            parameters,
                            gradients,
                            means,
                            squares,
                            steps,
                            learningRate,
                            config.beta1(),
                            config.beta2(),
                            decays ? config.weightDecay() : 0,
                            config.epsilon());
                }
            }
            slots.values().forEach(slot -> slot.parameter.mutable_grad().reset());
        }
    }

    /** The state by name, for a checkpoint. */
    Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        slots.forEach((name, slot) -> {
            state.put("mean." + name, slot.mean);
            state.put("square." + name, slot.square);
            state.put("steps." + name, slot.steps);
        });
        return state;
    }

    /** Takes over what {@link #state} gave. */
    void restore(Map<String, Tensor> state, String source) {
        try (var off = Gradient.off()) {
            state().forEach((name, tensor) -> {
                Tensor saved = state.get(name);
                if (saved == null || saved.numel() != tensor.numel()) {
                    throw new LongNetException(
                            "%s holds the optimizer state of another model (%s is missing or of another size); start a"
                                    + " new run with another --out",
                            source, name);
                }
                tensor.copy_(saved.view(Tensors.shape(tensor)));
            });
        }
    }

    private static Tensor gradient(Slot slot) {
        Tensor gradient = slot.parameter.grad();
        if (!gradient.defined()) {
            throw new AssertionError("a parameter has no gradient");
        }
        return gradient;
    }

    @Override
    public void close() {
        for (Slot slot : slots.values()) {
            slot.parameter.close();
            slot.mean.close();
            slot.square.close();
            slot.steps.close();
        }
    }
}
