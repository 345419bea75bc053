package dev.longnet.app.bench;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Guard;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Device;

/**
 * Single tokens of a new decoder after a context of random tokens has been read.
 *
 * @param tokens tokens made, whose median time is taken
 * @param bfloat16 whether matrix products are taken in bfloat16
 * @param kernel name of a kernel, or auto
 * @param device name of a device, or auto
 */
public record GenerateBenchmark(LongNetConfig model, int tokens, boolean bfloat16, String kernel, String device) {
    public GenerateBenchmark {
        requireArgument(tokens > 0, "tokens must be positive, got %d", tokens);
        kernel = Devices.kernel(kernel, model, bfloat16, device);
        device = Devices.name(device);
    }

    /** Refuses a context for which this machine has too little memory. */
    public void requireRoom(long context) {
        MemoryNeed.require("generating after " + context + " tokens", MemoryNeed.generate(this, context), device);
        MemoryNeed.requireTokens(1, context);
    }

    /**
     * Measures the tokens after one context. Memory is that of generating, without the peak of reading the context.
     *
     * @param context tokens read before the first is made
     */
    public Measurement measure(long context) {
        Timing timing = Timing.of(() -> new Continuation(this, Math.toIntExact(context)), device, tokens);
        double flops = ModelCost.token(model, context, tokens);
        return new Measurement(
                "generate",
                Measurement.direction(false),
                context,
                1,
                model.heads(),
                model.headDim(),
                model.pattern().toString(),
                bfloat16 ? "bfloat16" : "float32",
                kernel,
                device,
                timing.milliseconds(),
                flops,
                Measurement.tflops(flops, timing.milliseconds()),
                1e3 / timing.milliseconds(),
                timing.peakBytes(),
                1,
                null,
                null);
    }

    private static final class Continuation implements Workload {
        private final Scope scope = new Scope();
        private final Guard off = Gradient.off();
        private final LongNetDecoder.Session session;
        private final SplittableRandom random = new SplittableRandom(1);
        private final int vocabulary;

        Continuation(GenerateBenchmark b, int context) {
            Compute.seed(1);
            LongNetDecoder model = new LongNetDecoder(b.model);
            Device device = Compute.device(b.device);
            model.to(device, false);
            vocabulary = b.model.vocabulary();
            session = model.newSession(Execution.PLAIN
                    .withKernel(AttentionKernel.of(b.kernel))
                    .withNumbers(Execution.Numbers.of(b.bfloat16, device)));
            read(random.ints(context, 0, vocabulary).toArray());
        }

        @Override
        public void run() {
            read(random.nextInt(vocabulary));
        }

        /** The logits go to Java, where a token is chosen of them. */
        private void read(int... tokens) {
            try (Scope step = new Scope()) {
                Tensors.floats(session.read(tokens));
            }
        }

        @Override
        public void close() {
            session.close();
            off.close();
            scope.close();
        }
    }
}
