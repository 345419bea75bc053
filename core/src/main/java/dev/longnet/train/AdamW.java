package dev.longnet.train;

import dev.longnet.LongNetException;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Aten;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;

/**
 * AdamW (arXiv 1711.05101) in libtorch's fused kernel. Matrices decay; biases and norms, which have one dimension, do
 * not.
 *
 * <p>Over several ranks each keeps the state of its part of the parameters and steps with the sum of all ranks'
 * gradients, which {@link #blockDone} may start to exchange while the backward pass goes on; then the parts are put
 * together on every rank (ZeRO-1, arXiv 1910.02054). All ranks call the same methods. It owns its state: call {@link
 * #close}.
 */
public final class AdamW implements AutoCloseable {
    private final TrainConfig config;
    private final RankGroup ranks;
    private final List<Bucket> buckets;
    private final List<Piece> pieces = new ArrayList<>();
    private final Tensor[] means;
    private final Tensor[] squares;
    private final Tensor steps;
    private final GradientExchange exchange;

    /** Numbers of one parameter that this rank steps, in a bucket. */
    private record Piece(int bucket, Bucket.Piece numbers, Tensor mean, Tensor square) {
        boolean decays() {
            return numbers.place().parameter().dim() > 1;
        }

        Tensor values() {
            return numbers.of(numbers.place().parameter());
        }
    }

    /** @param parameters by name, owned by the model */
    public AdamW(Map<String, Tensor> parameters, TrainConfig config) {
        this(parameters, config, RankGroup.ALONE);
    }

    /**
     * @param parameters by name, owned by the model; the same numbers on every rank
     * @param ranks what the gradients are summed over
     */
    public AdamW(Map<String, Tensor> parameters, TrainConfig config, RankGroup ranks) {
        this.config = config;
        this.ranks = ranks;
        buckets = Bucket.of(parameters, ranks.size());
        means = new Tensor[buckets.size()];
        squares = new Tensor[buckets.size()];
        try (Scope scope = new Scope()) {
            parameters.values().forEach(Scope::own);
            Tensor like = parameters.values().iterator().next();
            steps = Scope.own(Tensors.zeros(Tensors.like(like)));
            for (int i = 0; i < means.length; i++) {
                means[i] = Scope.own(
                        Tensors.zeros(Tensors.like(like), buckets.get(i).part()));
                squares[i] = Scope.own(
                        Tensors.zeros(Tensors.like(like), buckets.get(i).part()));
                for (Bucket.Piece piece : buckets.get(i).pieces(ranks.rank())) {
                    pieces.add(new Piece(i, piece, Scope.own(piece.in(means[i])), Scope.own(piece.in(squares[i]))));
                }
            }
        }
        exchange = ranks.size() == 1 ? null : new GradientExchange(ranks, buckets);
    }

    /**
     * What the backward pass calls whenever the gradients of the next block, from the last to the first, are complete, so
     * that they are summed while it goes on; null for one rank, which has nothing to sum.
     */
    public Runnable blockDone() {
        return exchange == null ? null : exchange::startNext;
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
            gradients().forEach(gradients::push_back);
            Tensor norm = norm(gradients);
            if (config.clip() > 0) {
                Tensor factor = norm.add(new Scalar(1e-6)).reciprocal().mul(new Scalar(config.clip()));
                Aten.multiply(gradients, factor.minimum(Tensors.full(1, Tensors.like(norm))));
            }
            return scope.keep(norm);
        }
    }

    /** The norm of all ranks' gradients together. */
    private Tensor norm(TensorVector gradients) {
        if (gradients.size() == 0) { // so few numbers that this rank has none
            gradients.push_back(Tensors.zeros(Tensors.like(steps), 1));
        }
        Tensor norm = Tensors.stack(0, Aten.norms(gradients)).norm();
        if (exchange == null) {
            return norm;
        }
        Tensor square = norm.square();
        ranks.allReduce(square).await();
        return square.sqrt();
    }

    /** The gradients of the pieces, in their order. */
    private List<Tensor> gradients() {
        if (exchange == null) {
            return pieces.stream()
                    .map(piece -> piece.numbers.of(Bucket.gradient(piece.numbers.place())))
                    .toList();
        }
        Tensor[] parts = exchange.parts();
        return pieces.stream()
                .map(piece -> piece.numbers.in(parts[piece.bucket]))
                .toList();
    }

    /** One step with the gradients that stand at the parameters, which are then cleared. */
    public void step(double learningRate) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            List<Tensor> all = gradients();
            steps.add_(new Scalar(1.0));
            for (boolean decays : new boolean[] {true, false}) {
                TensorVector parameters = new TensorVector(), gradients = new TensorVector();
                TensorVector mean = new TensorVector(), square = new TensorVector(), counts = new TensorVector();
                for (int i = 0; i < pieces.size(); i++) {
                    Piece piece = pieces.get(i);
                    if (piece.decays() == decays) {
                        parameters.push_back(piece.values());
                        gradients.push_back(all.get(i));
                        mean.push_back(piece.mean);
                        square.push_back(piece.square);
                        counts.push_back(steps);
                    }
                }
                if (parameters.size() > 0) {
                    Aten.fusedAdamW(
                            parameters,
                            gradients,
                            mean,
                            square,
                            counts,
                            learningRate,
                            config.beta1(),
                            config.beta2(),
                            decays ? config.weightDecay() : 0,
                            config.epsilon());
                }
            }
            if (exchange == null) {
                buckets.forEach(Bucket::clearGradients);
            } else {
                exchange.clear();
                shareParameters();
            }
        }
    }

    /** Gives every rank the parts of the parameters that the others have stepped. */
    private void shareParameters() {
        for (int i = 0; i < buckets.size(); i++) {
            try (Scope scope = new Scope()) {
                Tensor part = Tensors.zeros(Tensors.like(steps), buckets.get(i).part());
                TensorVector to = new TensorVector(), from = new TensorVector();
                for (Piece piece : pieces) {
                    if (piece.bucket == i) {
                        to.push_back(piece.numbers.in(part));
                        from.push_back(piece.values());
                    }
                }
                if (to.size() > 0) {
                    Aten.copy(to, from);
                }
                buckets.get(i).put(gathered(i, part));
            }
        }
    }

    /** All ranks' parts of a bucket. */
    private Tensor gathered(int bucket, Tensor part) {
        if (exchange == null) {
            return part;
        }
        Tensor all = Tensors.empty(Tensors.like(part), buckets.get(bucket).whole());
        ranks.allGather(all, part).await();
        return all;
    }

    /** The state by name, for a checkpoint; on other ranks than the first nothing. */
    Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        try (Scope all = new Scope()) {
            for (int i = 0; i < buckets.size(); i++) {
                try (Scope scope = new Scope()) {
                    Tensor mean = gathered(i, means[i]), square = gathered(i, squares[i]);
                    for (Bucket.Place place : ranks.rank() == 0 ? buckets.get(i).places() : List.<Bucket.Place>of()) {
                        state.put("mean." + place.name(), scope.keep(host(Bucket.in(mean, place))));
                        state.put("square." + place.name(), scope.keep(host(Bucket.in(square, place))));
                        state.put("steps." + place.name(), scope.keep(host(steps)));
                    }
                }
            }
            state.values().forEach(all::keep);
        }
        return state;
    }

    /** What was put together for a moment goes to the host's memory. */
    private Tensor host(Tensor tensor) {
        return exchange == null ? tensor : tensor.cpu().clone();
    }

    /**
     * Takes over what {@link #state} gave.
     *
     * @param state of parameters like these; on other ranks than the first not looked at
     */
    void restore(Map<String, Tensor> state) {
        try (var off = Gradient.off()) {
            for (int i = 0; i < buckets.size(); i++) {
                restore(i, means[i], "mean.", state);
                restore(i, squares[i], "square.", state);
            }
            if (ranks.rank() == 0) {
                String any = buckets.get(0).places().get(0).name();
                steps.copy_(state.get("steps." + any).view(Tensors.shape(steps)));
            }
            ranks.broadcast(steps, 0).await();
        }
    }

    private void restore(int bucket, Tensor part, String kind, Map<String, Tensor> state) {
        try (Scope scope = new Scope()) {
            Bucket b = buckets.get(bucket);
            Tensor all = Tensors.zeros(Tensors.like(part), b.whole());
            if (ranks.rank() == 0) {
                for (Bucket.Place place : b.places()) {
                    Tensor to = Bucket.in(all, place);
                    to.copy_(state.get(kind + place.name()).view(Tensors.shape(to)));
                }
            }
            ranks.broadcast(all, 0).await();
            part.copy_(all.narrow(0, ranks.rank() * b.part(), b.part()));
        }
    }

    /**
     * Requires that {@link #restore} can take over a state.
     *
     * @param source what to call it in messages
     */
    void requireFit(Map<String, Tensor> state, String source) {
        for (Bucket bucket : buckets) {
            for (Bucket.Place place : bucket.places()) {
                for (String kind : List.of("mean.", "square.", "steps.")) {
                    Tensor saved = state.get(kind + place.name());
                    if (saved == null
                            || saved.numel()
                                    != (kind.equals("steps.")
                                            ? 1
                                            : place.parameter().numel())) {
                        throw new LongNetException(
                                "%s holds the optimizer state of another model (%s is missing or of another size);"
                                        + " start a new run with another --out",
                                source, kind + place.name());
                    }
                }
            }
        }
    }

    @Override
    public void close() {
        if (exchange != null) {
            exchange.close();
        }
        for (Piece piece : pieces) {
            piece.mean.close();
            piece.square.close();
        }
        for (int i = 0; i < means.length; i++) {
            means[i].close();
            squares[i].close();
        }
        steps.close();
        buckets.forEach(Bucket::close);
    }
}
