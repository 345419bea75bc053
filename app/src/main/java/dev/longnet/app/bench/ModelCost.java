package dev.longnet.app.bench;

import dev.longnet.model.LongNetConfig;

/** Nominal floating-point operations of a model, a multiplication and an addition counting as two. */
final class ModelCost {
    private ModelCost() {}

    /** One training step on one sequence: 6 a matrix weight and token, and attention forward and backward. */
    static double trainingStep(LongNetConfig config, long length) {
        double attention =
                config.pattern().nominalFlops(length, config.heads(), config.headDim(), config.causal(), true);
        return 6 * matrixWeights(config) * length + config.layers() * attention;
    }

    /** One of the tokens that follow {@code context}, on average: 2 a matrix weight, and the keys that it sees. */
    static double token(LongNetConfig config, long context, int tokens) {
        double pairs = config.pattern().visiblePairs(context + tokens, config.heads(), true)
                - config.pattern().visiblePairs(context, config.heads(), true);
        return 2 * matrixWeights(config) + config.layers() * 4.0 * config.headDim() * pairs / tokens;
    }

    /** Weights of the projections, the feed-forward layers and the output. */
    private static double matrixWeights(LongNetConfig config) {
        double width = config.embedding();
        double attention = width * (2 * width + 2.0 * config.keyValueHeads() * config.headDim());
        double feedForward = 2 * width * config.feedForward();
        return config.layers() * (attention + feedForward) + width * config.vocabulary();
    }
}
