package dev.longnet.app.bench;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.tensor.HostMemory;

/** Least memory in bytes that a benchmark takes, asked before it takes any. All in double, which nothing overflows. */
final class MemoryNeed {
    /** Weight, gradient and AdamW's two means. */
    private static final int TRAINED = 4;

    private MemoryNeed() {}

    /** Queries, keys, values and outputs, of backward their gradients too, each once. */
    static double attention(AttentionBenchmark b, long length, int bytes, boolean backward) {
        double rows = (double) b.batch() * length;
        double tensors = (2.0 * b.heads() + 2.0 * b.keyValueHeads()) * b.headDim() * (backward ? 2 : 1);
        return bytes * (rows * tensors + scores(b.kernel(), b.batch(), b.heads(), length));
    }

    /** Weights, and of the block that reads the context its features. */
    static double generate(GenerateBenchmark b, long context) {
        LongNetConfig model = b.model();
        double block = context * (4.0 * model.embedding() + 2.0 * model.feedForward());
        return Float.BYTES * (model.parameterCount() + block + scores(b.kernel(), 1, model.heads(), context));
    }

    /** Weights with what the optimizer keeps, and what every block keeps for its gradient. */
    static double train(TrainBenchmark b, long length) {
        LongNetConfig model = b.model();
        double kept = b.activations() != Activations.KEPT
                ? model.embedding()
                : 6.0 * model.embedding() + 2.0 * model.feedForward();
        double blocks = (double) b.batch() * length * model.layers() * kept;
        return Float.BYTES
                * ((double) TRAINED * model.parameterCount()
                        + blocks
                        + scores(b.kernel(), b.batch(), model.heads(), length));
    }

    /** The plain kernel writes all scores of a layer out. */
    private static double scores(String kernel, int batch, int heads, long length) {
        return kernel.equals("reference") ? (double) batch * heads * length * length : 0;
    }

    /** Refuses what this machine cannot hold; a GPU refuses by itself. */
    static void require(String what, double bytes, String device) {
        if (device.equals("cpu")) {
            HostMemory.require(what, bytes, "use shorter --lengths or a smaller size");
        }
    }

    /** Refuses more tokens than a Java array holds. */
    static void requireTokens(int batch, long length) {
        double tokens = (double) batch * (length + 1);
        requireArgument(
                tokens < Integer.MAX_VALUE - 8,
                "%d sequences of %d tokens are more than 2^31 tokens; use shorter --lengths",
                batch,
                length);
    }
}
