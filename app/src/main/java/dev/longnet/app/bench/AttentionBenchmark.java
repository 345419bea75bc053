package dev.longnet.app.bench;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.attention.Attention;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.attention.SequenceShards;
import dev.longnet.attention.ShardPlan;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.NumberFormats;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention alone, as a model calls it, on random inputs.
 *
 * @param batch sequences B
 * @param heads query heads H
 * @param keyValueHeads key/value heads Hk, dividing H
 * @param headDim features D of a head
 * @param dtype float32, float64 or bfloat16
 * @param kernel name of a kernel, or auto
 * @param device name of a device, or auto
 * @param ranks what the sequence is cut over
 */
public record AttentionBenchmark(
        DilationPattern pattern,
        int batch,
        int heads,
        int keyValueHeads,
        int headDim,
        String dtype,
        boolean causal,
        String kernel,
        String device,
        RankGroup ranks) {

    public AttentionBenchmark {
        requireArgument(batch > 0, "batch must be positive, got %d", batch);
        requireArgument(heads > 0, "heads must be positive, got %d", heads);
        requireArgument(
                keyValueHeads > 0 && heads % keyValueHeads == 0,
                "heads %d is not a multiple of key-value-heads %d; use a divisor of heads",
                heads,
                keyValueHeads);
        requireArgument(headDim > 0, "head-dim must be positive, got %d", headDim);
        ScalarType type = NumberFormats.of(dtype);
        AttentionSpec spec = AttentionSpec.of(pattern, causal, headDim);
        kernel = AttentionKernel.of(kernel)
                .on(Compute.device(device), type, heads, headDim, spec)
                .name();
        device = Devices.name(device);
    }

    /** Refuses a length for which this machine has too little memory. */
    public void requireRoom(long length, boolean backward) {
        MemoryNeed.require(
                "attention over " + length + " tokens",
                MemoryNeed.attention(this, length, bytesPerNumber(), backward),
                device);
    }

    /**
     * Measures one length.
     *
     * @param length tokens N
     * @param backward whether to compute the gradients of q, k and v too
     */
    public Measurement measure(long length, boolean backward, int repeats) {
        Timing timing = Timing.of(() -> new Inputs(this, length, backward), device, repeats, ranks, ranks::bytesSent);
        double flops = batch * pattern.nominalFlops(length, heads, headDim, causal, backward);
        return new Measurement(
                "attention",
                Measurement.direction(backward),
                length,
                batch,
                heads,
                headDim,
                pattern.toString(),
                dtype,
                kernel,
                device,
                timing.milliseconds(),
                flops,
                Measurement.tflops(flops, timing.milliseconds()),
                batch * length / timing.milliseconds() * 1e3,
                timing.peakBytes(),
                ranks.size(),
                timing.sentBytes(),
                ranks.size() == 1 ? null : formulaBytes(length, backward));
    }

    /** What the rank that sends most is to send in one run. */
    private long formulaBytes(long length, boolean backward) {
        int bytes = bytesPerNumber();
        ShardPlan plan = new ShardPlan(pattern, SequenceShards.of(pattern, length, ranks.size()), causal);
        return IntStream.range(0, ranks.size())
                .mapToLong(rank -> plan.forwardBytes(rank, heads, keyValueHeads, headDim, batch, bytes)
                        + (backward ? plan.backwardBytes(rank, heads, keyValueHeads, headDim, batch, bytes) : 0))
                .max()
                .orElseThrow();
    }

    private int bytesPerNumber() {
        return dtype.equals("float64") ? Double.BYTES : dtype.equals("bfloat16") ? Short.BYTES : Float.BYTES;
    }

    /** q (B, N, H, D), k and v (B, N, Hk, D), and the gradient of the output. */
    private static final class Inputs implements Workload {
        private final Scope scope = new Scope();
        private final AttentionSpec spec;
        private final AttentionKernel kernel;
        private final Tensor q;
        private final Tensor k;
        private final Tensor v;
        private final Tensor gradOut;

        Inputs(AttentionBenchmark b, long length, boolean backward) {
            SequenceShards shards = SequenceShards.of(b.pattern, length, b.ranks.size());
            long first = shards.start(b.ranks.rank()), tokens = shards.count(b.ranks.rank());
            spec = AttentionSpec.of(b.pattern, b.causal, b.headDim).withStart(first);
            kernel = AttentionKernel.over(b.ranks, shards, AttentionKernel.of(b.kernel));
            Device device = Compute.device(b.device);
            TensorOptions options = Tensors.options(NumberFormats.of(b.dtype), device);
            Compute.seed(1);
            q = Tensors.randn(options, b.batch, tokens, b.heads, b.headDim).set_requires_grad(backward);
            k = Tensors.randn(options, b.batch, tokens, b.keyValueHeads, b.headDim)
                    .set_requires_grad(backward);
            v = Tensors.randn(options, b.batch, tokens, b.keyValueHeads, b.headDim)
                    .set_requires_grad(backward);
            gradOut = backward ? Tensors.randn(options, b.batch, tokens, b.heads, b.headDim) : null;
        }

        @Override
        public void run() {
            try (Scope run = new Scope()) {
                Devices.await(compute());
            }
        }

        @Override
        public void start() {
            try (Scope run = new Scope()) {
                compute();
            }
        }

        /** The output, or of backward one of the gradients, which are let go. */
        private Tensor compute() {
            Tensor out = Attention.attend(q, k, v, spec, kernel);
            return gradOut == null ? out : Gradient.of(out, gradOut, q, k, v)[1];
        }

        @Override
        public void close() {
            scope.close();
        }
    }
}
