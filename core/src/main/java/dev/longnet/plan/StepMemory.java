package dev.longnet.plan;

import static dev.longnet.plan.Weights.BF16;

import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;

/**
 * Memory of a step: the largest of its moments. n tokens a rank, E embedding, F feed-forward width, V vocabulary, L
 * layers; a row is one of E numbers in bfloat16. docs/performance.md lists the moment of attention's gradient.
 *
 * @param gpu bytes of a GPU, without what the driver takes; {@link CpuMemory} counts those of a processor
 * @param host bytes of the machine's memory, for one GPU of it
 */
record StepMemory(double gpu, double host) {
    /** Tokens whose logits exist at once on a GPU. */
    private static final double LOSS_CHUNK = 16_384;

    /** Bytes of a block's widest tensor; longer sequences are taken in parts. */
    private static final double WIDEST = 1L << 29;

    /** Bytes a token that is read: itself, the one that follows it, and losses of this piece and the one before. */
    private static final double READ = 8 + 8 + 2 * Float.BYTES;

    /** Bytes a token and head of log-sum-exps, of all branches together and of their gradients. */
    private static final double STATISTICS = 16;

    /** @param farRows keys of other ranks that the rank receives, summed over branches and key heads */
    static StepMemory training(LongNetConfig model, double tokens, int ranks, double farRows, Activations activations) {
        Weights w = new Weights(model);
        boolean kept = activations == Activations.KEPT;
        double row = BF16 * w.width() * tokens, inputs = model.layers() * row;
        // Weights in float32 and rounded to bfloat16, the rank's share of AdamW's two means.
        double fixed = model.parameterCount() * (4 + 2 + 8.0 / ranks);
        double gradients = Float.BYTES * model.parameterCount();
        double waiting = switch (activations) {
            case KEPT -> tokens * model.layers() * keptBytes(w);
            case RECOMPUTED -> inputs;
            case OFFLOADED -> 2 * row; // one that is used, one on its way
        };
        double packed = 1 + 2 * w.keys();
        // The gradients of the block's result and of the sum after attention; dq in float32, dk and dv of each branch.
        double gradient = row * (2 + 1 + 2 + 2 * w.kept() + packed);
        // In bfloat16, and their gradients in float32.
        double far = (BF16 + Float.BYTES) * 2 * farRows * model.headDim();
        double attention = gradient + (kept ? 0 : row * (packed + 1)) + tokens * model.heads() * STATISTICS + far;
        double feedForward = row * (2 + 1 + (kept ? 0 : packed + 1)) + part(w, tokens, kept ? 2 : 4, kept ? 2 : 5);
        double loss = 3 * row + logits(model, tokens);
        double moment = Math.max(attention, Math.max(feedForward, loss));
        // Block by block the gradients of weights come and what waits for them goes, but where it waits on the host.
        double both = activations == Activations.OFFLOADED ? waiting + gradients : Math.max(waiting, gradients);
        return new StepMemory(fixed + both + moment, activations == Activations.OFFLOADED ? inputs : 0);
    }

    /** The same of the forward pass alone, whose weights are bfloat16 beside those of float32. */
    static StepMemory forward(LongNetConfig model, double tokens, double farRows) {
        double far = BF16 * 2 * farRows * model.headDim();
        return new StepMemory(weights(model) + moment(new Weights(model), tokens, far), 0);
    }

    /**
     * The same of a text that is read in pieces.
     *
     * @param seen the model with the branches that the last piece sees
     * @param piece tokens of a piece
     * @param state bytes of the keys and values that stay
     */
    static StepMemory reading(LongNetConfig seen, double piece, double state) {
        return new StepMemory(weights(seen) + state + READ * piece + moment(new Weights(seen), piece, 0), 0);
    }

    private static double weights(LongNetConfig model) {
        return model.parameterCount() * (Float.BYTES + (double) BF16);
    }

    /** The largest moment of a forward pass whose activations nothing keeps. */
    private static double moment(Weights w, double tokens, double far) {
        LongNetConfig model = w.model();
        double row = BF16 * w.width() * tokens;
        // Input, queries, keys and values, and the result, into which the branch that has all rows writes at once.
        double others = w.kept() - (w.hasAllRows() ? 1 : 0);
        double statistics = Float.BYTES * (1 + others) * model.heads();
        double attention = row * (3 + 2 * w.keys() + others) + tokens * (statistics + w.turns()) + far;
        double feedForward = 3 * row + part(w, tokens, 2, 4) + tokens * w.turns();
        double loss = 2 * row + logits(model, tokens);
        return Math.max(attention, Math.max(feedForward, loss));
    }

    /** What a block keeps a token: rows for its gradient, and the statistics of norms and softmax. */
    private static double keptBytes(Weights w) {
        double rows = (6 + 2 * w.keys() + w.inner()) * w.width() + 2 * w.feedForward();
        return BF16 * rows
                + Float.BYTES * (2.0 * (2 + 2 * w.inner()) + w.model().heads());
    }

    /** Rows of F and E that exist at once of the part of the sequence that the feed-forward layer works on. */
    private static double part(Weights w, double tokens, int wide, int narrow) {
        double atOnce = Math.min(tokens, WIDEST / BF16 / Math.max(w.feedForward(), 3 * w.width()));
        return BF16 * atOnce * (wide * w.feedForward() + narrow * w.width());
    }

    private static double logits(LongNetConfig model, double tokens) {
        return BF16 * Math.min(tokens, LOSS_CHUNK) * model.vocabulary();
    }
}
