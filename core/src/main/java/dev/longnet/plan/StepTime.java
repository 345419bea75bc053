package dev.longnet.plan;

import static dev.longnet.plan.Weights.BF16;

import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;

/**
 * Where the time of a step goes on one rank, in seconds. The parts add up to the step.
 *
 * @param products matrix products, those of the loss included
 * @param rows passes over rows: norms, activations, positions, residual sums, softmax of the loss
 * @param localAttention attention among the rank's own tokens
 * @param farAttention attention to keys of other ranks, after they have come, or of earlier pieces
 * @param exchange what of the exchange of keys, values and their gradients local attention does not hide
 * @param offload what of moving activations to the host and back the rest of a block does not hide
 * @param averaging gradients summed and weights shared among all ranks
 * @param optimizer AdamW on the rank's share, clipping and rounding of all weights
 * @param launching time in which the device waits for its work to be launched
 */
public record StepTime(
        double products,
        double rows,
        double localAttention,
        double farAttention,
        double exchange,
        double offload,
        double averaging,
        double optimizer,
        double launching) {

    /** Operations of attention a pair and feature: q·k and p·v forward, five products backward. */
    private static final int FORWARD = 4;

    private static final int BACKWARD = 10;

    /** Seconds of all of it. */
    public double total() {
        return products + rows + localAttention + farAttention + exchange + offload + averaging + optimizer + launching;
    }

    /** @param tokens most tokens of a rank, of all sequences together */
    static StepTime training(PlanConfig config, Shards shards, double tokens, RankWork work, Activations activations) {
        LongNetConfig model = config.model();
        Machine machine = config.machine();
        Weights w = new Weights(model);
        boolean again = activations != Activations.KEPT;
        double layers = model.layers(), bandwidth = 1e9 * machine.bandwidth();

        Layer forward = new Layer(config, tokens, work, 2 * w.block(), forwardRows(w, machine), 1, 0, 1);
        double rows = backwardRows(w, machine) + (again ? forwardRows(w, machine) - 3 * w.width() : 0);
        double products = 4 * w.block() + (again ? 2 * w.recomputed() : 0);
        // Keys and values come again in bfloat16, their gradients go back in float32.
        Layer backward = new Layer(config, tokens, work, products, rows, again ? 1 : 0, 1, 3);
        double moved =
                activations == Activations.OFFLOADED ? BF16 * w.width() * tokens / (1e9 * machine.hostLink()) : 0;
        double offload = Math.max(0, moved - forward.total()) + Math.max(0, moved - backward.total());

        double parameters = model.parameterCount();
        StepTime busy = new StepTime(
                layers * (forward.products + backward.products) + 6 * w.output() * tokens / (1e12 * machine.products()),
                layers * (forward.rows + backward.rows) + headRows(w, machine, true) * tokens / bandwidth,
                layers * (forward.local + backward.local),
                layers * (forward.far + backward.far),
                layers * (forward.exchange + backward.exchange),
                layers * offload,
                averaging(machine, shards, parameters),
                // Clipping reads, then scales; rounding reads and writes; AdamW reads four numbers and writes three.
                parameters * (4 + 8 + 6 + 28.0 / shards.ranks()) / bandwidth,
                0);
        // A forward pass is a third of what is launched.
        return busy.launched(1e-3 * machine.launching() * layers * (again ? 4 / 3.0 : 1));
    }

    /** The same where launching all of the work takes so long. */
    private StepTime launched(double seconds) {
        double waiting = Math.max(0, seconds - total());
        return new StepTime(
                products, rows, localAttention, farAttention, exchange, offload, averaging, optimizer, waiting);
    }

    static StepTime forward(PlanConfig config, Shards shards, RankWork work) {
        LongNetConfig model = config.model();
        Machine machine = config.machine();
        Weights w = new Weights(model);
        double tokens = shards.tokens(), layers = model.layers();
        Layer layer = new Layer(config, tokens, work, 2 * w.block(), forwardRows(w, machine), 1, 0, 1);
        return new StepTime(
                layers * layer.products + 2 * w.output() * tokens / (1e12 * machine.products()),
                layers * layer.rows + headRows(w, machine, false) * tokens / (1e9 * machine.bandwidth()),
                layers * layer.local,
                layers * layer.far,
                layers * layer.exchange,
                0,
                0,
                0,
                0);
    }

    /** A text read in pieces, all of them together; far attention is that to what is kept of earlier pieces. */
    static StepTime reading(PlanConfig config, double length, ReadWork work) {
        LongNetConfig model = config.model();
        Machine machine = config.machine();
        Weights w = new Weights(model);
        double layers = model.layers(), dim = model.headDim();
        double pair = dim * FORWARD / machine.attention(model.headDim(), false);
        double rows = machine.bytes() * layers * forwardRows(w, machine) + headRows(w, machine, false);
        return new StepTime(
                length * (layers * 2 * w.block() + 2 * w.output()) / (1e12 * machine.products()),
                length * rows / (1e9 * machine.bandwidth()),
                layers * pair * (work.nearPairs() - (machine.cpu() ? 0 : work.sharedPairs())),
                layers * (pair * work.farPairs() + 1e-6 * machine.joining() * work.joins()),
                0,
                0,
                0,
                0,
                0);
    }

    /** One direction of one layer. */
    private static final class Layer {
        final double products;
        final double rows;
        final double local;
        final double far;
        final double exchange;

        /**
         * @param operations of matrix products a token
         * @param numbers in bfloat16 that passes over rows read and write a token
         * @param forwards how often attention's forward pass is computed
         * @param backwards the same of its backward pass
         * @param volume bytes to exchange in units of the keys and values in bfloat16
         */
        Layer(
                PlanConfig config,
                double tokens,
                RankWork work,
                double operations,
                double numbers,
                int forwards,
                int backwards,
                int volume) {
            Machine machine = config.machine();
            int headDim = config.model().headDim();
            products = operations * tokens / (1e12 * machine.products());
            rows = machine.bytes() * numbers * tokens / (1e9 * machine.bandwidth());
            double pair = headDim
                    * (forwards * FORWARD / machine.attention(headDim, false)
                            + backwards * BACKWARD / machine.attention(headDim, true));
            local = pair * (work.localPairs() - (machine.cpu() ? 0 : work.sharedPairs()));
            far = pair * work.farPairs();
            double row = BF16 * 2.0 * headDim * volume;
            double moving = row * work.nodeRows() / (1e9 * machine.nodeLink())
                    + row * work.networkRows() / (1e9 * machine.networkLink());
            double waiting = 1e-6 * machine.latency() * work.doublings() * (volume > 1 ? 2 : 1);
            exchange = Math.max(0, moving + waiting - local);
        }

        double total() {
            return products + rows + local + far + exchange;
        }
    }

    /**
     * Norm, positions, inner norm, sum and norm, activation and norm, sum; on a CPU each by itself.
     *
     * @return numbers a token
     */
    private static double forwardRows(Weights w, Machine machine) {
        double turned = 2 * (1 + w.keys()) * w.turned();
        return machine.cpu()
                ? w.width() * (2 + turned + 2 * w.inner() + 3 + 2 + 3) + w.feedForward() * (2 + 2 * w.inner())
                : w.width() * (2 + turned + 2 * w.inner() + 4 + 3) + 2 * w.feedForward();
    }

    /** Their gradients, and the sums that are gradients of biases. */
    private static double backwardRows(Weights w, Machine machine) {
        double packed = 1 + 2 * w.keys(), turned = 2 * (1 + w.keys()) * w.turned();
        return machine.cpu()
                ? w.width() * (6 + 6 + turned + 3 * w.inner() + packed + 2) + w.feedForward() * (4 + 3 * w.inner())
                : w.width() * (4 + turned + 3 * w.inner() + packed + 4) + 3 * w.feedForward();
    }

    /** Bytes a token of embedding, last norm and loss. */
    private static double headRows(Weights w, Machine machine, boolean training) {
        double vocabulary = w.model().vocabulary();
        if (machine.cpu()) {
            return machine.bytes() * (training ? 10 * w.width() + 8 * vocabulary : 4 * w.width() + 4 * vocabulary);
        }
        return BF16 * (training ? 8 * w.width() + 2 * vocabulary : 4 * w.width() + vocabulary);
    }

    /** Reduce-scatter of gradients and all-gather of weights, both float32; optimizer states are divided (ZeRO-1). */
    private static double averaging(Machine machine, Shards shards, double parameters) {
        int ranks = shards.ranks();
        double link = 1e9 * (ranks <= machine.gpus() ? machine.nodeLink() : machine.networkLink());
        int doublings = Integer.SIZE - Integer.numberOfLeadingZeros(ranks - 1);
        return 2 * (4 * parameters * (ranks - 1) / ranks / link + 1e-6 * machine.latency() * doublings);
    }
}
