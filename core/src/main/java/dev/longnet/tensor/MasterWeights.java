package dev.longnet.tensor;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Float32 parameters that bfloat16 products use as one, row under row: their rounded copy, made again only when they have
 * changed, and their gradients, which add up in float32.
 *
 * <p>The gradients of several parameters are views of one tensor, so that one product gives them all. The copy belongs to
 * the scope that this was made in, as the parameters do.
 */
public final class MasterWeights {
    private final Tensor[] parameters;
    private final Tensor rounded;
    private final long[] versions;
    private final long[] addresses;

    /** @param parameters of the same number of columns, or all vectors */
    public MasterWeights(Tensor... parameters) {
        this.parameters = parameters;
        versions = new long[parameters.length];
        addresses = new long[parameters.length];
        rounded = Tensors.empty(Tensors.options(ScalarType.BFloat16, Tensors.cpu()), 0);
    }

    /** All of them in bfloat16, (rows, columns) or (rows); without a gradient. */
    public Tensor rounded() {
        round(List.of(this));
        return rounded;
    }

    /** Rounds what has changed of many, all in one pass, so that {@link #rounded} has nothing left to do. */
    public static synchronized void round(List<MasterWeights> all) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            List<MasterWeights> stale =
                    all.stream().filter(MasterWeights::changed).toList();
            if (stale.isEmpty()) {
                return;
            }
            TensorVector copies = new TensorVector(), changed = new TensorVector();
            for (MasterWeights weights : stale) {
                weights.makeRoom();
                long at = 0;
                for (Tensor parameter : weights.parameters) {
                    copies.push_back(weights.rounded.narrow(0, at, parameter.size(0)));
                    changed.push_back(parameter);
                    at += parameter.size(0);
                }
            }
            Aten.copy(copies, changed);
            stale.forEach(MasterWeights::note);
        }
    }

    private void makeRoom() {
        long[] shape = shape();
        if (!Arrays.equals(shape, Tensors.shape(rounded))
                || !Tensors.deviceName(rounded).equals(Tensors.deviceName(parameters[0]))) {
            rounded.set_data(Tensors.empty(Tensors.like(parameters[0], ScalarType.BFloat16), shape));
        }
    }

    /** Adds dyᵀ x to the gradients: dy (n, rows) and x (n, columns) in bfloat16, what y = x Wᵀ sends back. */
    public void addProduct(Tensor dy, Tensor x) {
        try (Scope scope = new Scope()) {
            Tensor gradient = gradient();
            if (gradient == null) {
                put(MatrixProducts.wide(dy.t(), x));
            } else {
                MatrixProducts.addTo(gradient, dy.t(), x);
            }
        }
    }

    /** Adds to the gradients, float32 of the shape of {@link #rounded}; it may become the gradient itself. */
    public void addGradient(Tensor more) {
        try (Scope scope = new Scope()) {
            Tensor gradient = gradient();
            if (gradient == null) {
                put(more);
            } else {
                gradient.add_(more);
            }
        }
    }

    /** Whether a parameter has other values or another place than when it was rounded. */
    private boolean changed() {
        boolean changed = false;
        for (int i = 0; i < parameters.length; i++) {
            changed |= parameters[i]._version() != versions[i] || Tensors.address(parameters[i]) != addresses[i];
        }
        return changed;
    }

    /** The parameters have been rounded as they are. */
    private void note() {
        for (int i = 0; i < parameters.length; i++) {
            versions[i] = parameters[i]._version();
            addresses[i] = Tensors.address(parameters[i]);
        }
    }

    private long[] shape() {
        long[] shape = Tensors.shape(parameters[0]);
        shape[0] = Arrays.stream(parameters).mapToLong(p -> p.size(0)).sum();
        return shape;
    }

    /** The gradients as one tensor, or null where there are none. */
    private Tensor gradient() {
        Tensor[] gradients = new Tensor[parameters.length];
        boolean any = false, joined = true;
        for (int i = 0; i < gradients.length; i++) {
            gradients[i] = parameters[i].grad();
            any |= gradients[i].defined();
            joined &= gradients[i].defined() && (i == 0 || follows(gradients[i - 1], gradients[i]));
        }
        if (!any || gradients.length == 1) {
            return any ? gradients[0] : null;
        }
        if (joined) {
            return Tensors.strided(gradients[0], shape(), gradients[0].dim() == 1 ? new long[] {1} : strides(), 0);
        }
        for (int i = 0; i < gradients.length; i++) {
            if (!gradients[i].defined()) {
                gradients[i] = Tensors.zeros(Tensors.like(parameters[i]), Tensors.shape(parameters[i]));
            }
        }
        Tensor all = Tensors.cat(0, gradients);
        put(all);
        return all;
    }

    private long[] strides() {
        return new long[] {parameters[0].size(1), 1};
    }

    private static boolean follows(Tensor first, Tensor second) {
        return first.is_alias_of(second)
                && first.is_contiguous()
                && second.is_contiguous()
                && first.storage_offset() + first.numel() == second.storage_offset();
    }

    private void put(Tensor gradient) {
        long at = 0;
        for (Tensor parameter : parameters) {
            long rows = parameter.size(0);
            parameter.mutable_grad().put(parameters.length == 1 ? gradient : gradient.narrow(0, at, rows));
            at += rows;
        }
    }
}
