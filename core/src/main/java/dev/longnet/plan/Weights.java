package dev.longnet.plan;

import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetConfig.Norm;
import dev.longnet.model.LongNetConfig.Positions;

/** Sizes of a model that time and memory are counted in. E embedding, F feed-forward width, H heads, V vocabulary. */
record Weights(LongNetConfig model) {
    /** Bytes of a number in bfloat16. */
    static final int BF16 = 2;

    /** E. */
    double width() {
        return model.embedding();
    }

    /** F. */
    double feedForward() {
        return model.feedForward();
    }

    /** Hk/H: width of the keys, and of the values, in units of E. */
    double keys() {
        return (double) model.keyValueHeads() / model.heads();
    }

    /** Matrix weights of a block: four projections and the feed-forward layer. */
    double block() {
        return width() * width() * (2 + 2 * keys()) + 2 * width() * feedForward();
    }

    /** Those that are applied again where a block is recomputed: all but the last, whose result nothing needs. */
    double recomputed() {
        return block() - width() * feedForward();
    }

    double output() {
        return width() * model.vocabulary();
    }

    /** Whether norms stand inside the sublayers too, 0 or 1. */
    int inner() {
        return model.norm() == Norm.SUBLN ? 1 : 0;
    }

    /** Whether queries and keys are turned, 0 or 1. */
    int turned() {
        return model.positions() == Positions.NONE ? 0 : 1;
    }

    /** Σ 1/r over the branches: rows that the heads keep, in units of the sequence. */
    double kept() {
        return model.pattern().branches().stream()
                .mapToDouble(branch -> 1.0 / branch.ratio())
                .sum();
    }

    /** Whether a branch has all rows of all heads. */
    boolean hasAllRows() {
        return model.pattern().branches().stream().anyMatch(branch -> branch.ratio() == 1);
    }

    /** Bytes a token of the table that queries and keys are turned by: complex numbers for half the features of a head. */
    double turns() {
        return turned() * (model.positions() == Positions.XPOS ? 2 : 1) * (double) Float.BYTES * model.headDim();
    }
}
