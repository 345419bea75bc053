package dev.longnet.plan;

import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;

/**
 * Memory of a step or a piece on a CPU, in float32, beyond what the process takes without a model. E embedding, F
 * feed-forward width, V vocabulary, L layers.
 *
 * <p>What libtorch's graph keeps can be counted, but not what glibc's allocator holds beside it while blocks of many sizes
 * come and go: the numbers of E and F a token are fits of measured steps (docs/plan.md).
 */
final class CpuMemory {
    /** Tokens whose logits exist at once. */
    private static final double LOSS_CHUNK = 2048;

    /** Weights, gradients and AdamW's two means. */
    private static final int TRAINED = 4;

    /** What the allocator holds of a block's tensors, none of which is kept. */
    private static final double HELD = 1.8;

    /** Logits, their logarithms and the gradients of both. */
    private static final int LOGITS = 4;

    private CpuMemory() {}

    static StepMemory training(LongNetConfig model, double tokens, Activations activations) {
        Weights w = new Weights(model);
        double e = w.width(), f = w.feedForward(), layers = model.layers();
        double numbers = activations == Activations.KEPT
                ? layers * ((11.5 + 2 * w.keys()) * e + (2.35 + w.inner()) * f) + 11 * e + 1.15 * f
                : layers * (10 * e + 0.5 * f) + 24 * e + 6 * f;
        return memory(TRAINED * (double) model.parameterCount(), numbers * tokens, w, tokens, LOGITS);
    }

    /** What cannot be done without: weights and what the optimizer keeps of them, and what blocks keep for their gradients. */
    static double least(LongNetConfig model, double tokens, Activations activations) {
        Weights w = new Weights(model);
        double kept = activations == Activations.KEPT ? 6 * w.width() + 2 * w.feedForward() : w.width();
        return Float.BYTES * (TRAINED * (double) model.parameterCount() + tokens * model.layers() * kept);
    }

    /** The forward pass alone, or a piece of a text that is read. */
    static StepMemory forward(LongNetConfig model, double tokens, double state) {
        Weights w = new Weights(model);
        double numbers = HELD * ((8 + 2 * w.keys()) * w.width() + (2 + w.inner()) * w.feedForward());
        StepMemory step = memory(model.parameterCount(), numbers * tokens, w, tokens, 2);
        return new StepMemory(step.gpu() + state, 0);
    }

    private static StepMemory memory(double weights, double activations, Weights w, double tokens, int logits) {
        double loss = logits * Math.min(tokens, LOSS_CHUNK) * w.model().vocabulary();
        return new StepMemory(Float.BYTES * (weights + activations + loss) + tokens * w.turns(), 0);
    }
}
