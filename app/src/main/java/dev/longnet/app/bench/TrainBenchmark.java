package dev.longnet.app.bench;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.model.Execution;
import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.AdamW;
import dev.longnet.train.Loss;
import dev.longnet.train.Share;
import dev.longnet.train.TrainConfig;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/**
 * Whole optimizer steps of a new decoder on random tokens: forward, loss, backward, clipping and AdamW.
 *
 * @param batch sequences a step
 * @param bfloat16 whether matrix products, and on a GPU activations, are in bfloat16
 * @param activations what becomes of a block's activations until the backward pass
 * @param kernel name of a kernel, or auto
 * @param device name of a device, or auto
 * @param mesh what the batch is shared by
 */
public record TrainBenchmark(
        LongNetConfig model,
        int batch,
        boolean bfloat16,
        Activations activations,
        String kernel,
        String device,
        Mesh mesh) {
    public TrainBenchmark {
        requireArgument(batch > 0, "batch must be positive, got %d", batch);
        kernel = Devices.kernel(kernel, model, bfloat16, device);
        device = Devices.name(device);
    }

    /** Refuses a length for which this machine has too little memory. */
    public void requireRoom(long length) {
        MemoryNeed.require("training on " + batch + " × " + length + " tokens", MemoryNeed.train(this, length), device);
        MemoryNeed.requireTokens(batch, length);
    }

    /**
     * Measures steps on sequences of one length.
     *
     * @param length tokens N that a sequence predicts
     */
    public Measurement measure(long length, int repeats) {
        Timing timing = Timing.of(() -> steps(Math.toIntExact(length)), device, repeats, mesh.world(), mesh::bytesSent);
        double flops = batch * ModelCost.trainingStep(model, length);
        return new Measurement(
                "train",
                Measurement.direction(true),
                length,
                batch,
                model.heads(),
                model.headDim(),
                model.pattern().toString(),
                bfloat16 ? "bfloat16" : "float32",
                kernel,
                device,
                timing.milliseconds(),
                flops,
                Measurement.tflops(flops, timing.milliseconds()),
                batch * length / timing.milliseconds() * 1e3,
                timing.peakBytes(),
                mesh.world().size(),
                timing.sentBytes(),
                null);
    }

    /** Steps on sequences of one length, ready to run. */
    Workload steps(int length) {
        return new Steps(this, length);
    }

    private static final class Steps implements Workload {
        private static final double LEARNING_RATE = 1e-4;

        private final Scope scope = new Scope();
        private final TrainConfig config = TrainConfig.defaults();
        private final Share share;
        private final Execution execution;
        private final LongNetDecoder model;
        private final AdamW optimizer;
        private final Tensor inputs;
        private final Tensor targets;

        Steps(TrainBenchmark b, int length) {
            Compute.seed(1);
            Device device = Compute.device(b.device);
            share = Share.of(b.mesh, b.model.pattern(), b.batch, length, b.kernel);
            execution = Execution.PLAIN
                    .withKernel(share.kernel())
                    .withNumbers(Execution.Numbers.of(b.bfloat16, device))
                    .withActivations(b.activations)
                    .withDropout(true)
                    .withTokensChecked();
            model = new LongNetDecoder(b.model);
            model.to(device, false);
            optimizer = new AdamW(Parameters.of(model), config, b.mesh.world());
            long columns = share.tokens() + 1L;
            Tensor tokens = Tensors.of(
                    new SplittableRandom(1 + b.mesh.world().rank())
                            .longs(share.rows() * columns, 0, b.model.vocabulary())
                            .toArray(),
                    device,
                    share.rows(),
                    columns);
            inputs = tokens.narrow(1, 0, share.tokens()).contiguous();
            targets = tokens.narrow(1, 1, share.tokens()).contiguous();
        }

        @Override
        public void run() {
            start();
            Devices.await(model.embedding());
        }

        @Override
        public void start() {
            try (Scope step = new Scope()) {
                Execution now = execution.withBlockDone(optimizer.blockDone());
                Tensor features = model.features(inputs, null, share.stretch(), now);
                Loss.backward(model, features, targets, share.weight(), config.lossChunk(model.device()), now);
                optimizer.clip();
                optimizer.step(LEARNING_RATE);
            }
        }

        @Override
        public void close() {
            optimizer.close();
            scope.close();
        }
    }
}
