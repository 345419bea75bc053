package dev.longnet.train;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import dev.longnet.tensor.Gpu;
import java.util.List;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Device;

/** How a model is trained: batches, optimizer, precision, and how often the run evaluates, saves and reports. */
@Doc("Training: batches, optimizer, precision, and how often the run evaluates, saves and reports")
public record TrainConfig(
        @Doc("Optimizer steps of the whole run") int steps,

        @Doc(value = "Length N of a training sequence", unit = "tokens")
        int length,

        @Doc("Sequences computed together") int batch,

        @Doc("Batches whose gradients are added up before one optimizer step")
        int accumulate,

        @Doc("Highest learning rate, reached after the warm-up")
        double learningRate,

        @Doc("Learning rate at the last step; not used by schedule constant")
        double minLearningRate,

        @Doc(value = "Steps over which the learning rate rises from 0", unit = "steps")
        int warmup,

        @Doc("How the learning rate falls from the warm-up to the last step")
        Schedule schedule,

        @Doc("AdamW: decay of the mean of the gradient") double beta1,
        @Doc("AdamW: decay of the mean of its square") double beta2,
        @Doc("AdamW: added to the root of the mean square") double epsilon,

        @Doc("AdamW: share of a weight taken off at each step, times the learning rate")
        double weightDecay,

        @Doc("Largest norm of the gradient of all weights together; longer ones are scaled down; 0 turns it off")
        double clip,

        @Doc("Seed of the initial weights, the order of the data and dropout")
        long seed,

        @Doc(
                "Number format of matrix products, and on a GPU of activations; weights, sums and the optimizer stay float32; auto takes bfloat16 on an NVIDIA GPU of compute capability 8.0 or later and float32 elsewhere")
        Precision precision,

        @Doc("Whether a block's activations are computed again in the backward pass instead of kept")
        boolean recompute,

        @Doc(
                "Whether the inputs of blocks, which recompute keeps, wait in the host's memory; on an NVIDIA GPU with bfloat16")
        boolean offload,

        @Doc(
                value = "Tokens whose logits exist at once while the loss is computed; 0 takes 2048, on a GPU 16384",
                unit = "tokens")
        int lossChunk,

        @Doc(value = "Steps between evaluations on held-out files; 0 evaluates only at the end", unit = "steps")
        int evalEvery,

        @Doc(value = "Held-out tokens an evaluation reads at most", unit = "tokens")
        long evalTokens,

        @Doc(value = "Steps between checkpoints; 0 saves only at the end", unit = "steps")
        int checkpointEvery,

        @Doc("Newest checkpoints that are kept") int keepCheckpoints,

        @Doc(value = "Steps between lines of metrics", unit = "steps")
        int logEvery,

        @Doc(
                "Where tensors live: auto, cpu, cuda, cuda:INDEX or mps (untested); auto takes an NVIDIA GPU when there is one")
        String device,

        @Doc("Threads of the CPU; 0 takes all cores") int threads,

        @Doc("Attention kernel: auto, reference, aten or hopper; auto takes the fastest for the device")
        String kernel) {

    /** Names that {@link #kernel} takes. */
    public static final List<String> KERNELS = List.of("auto", "reference", "aten", "hopper");

    private static final Pattern DEVICE = Pattern.compile("auto|cpu|cuda(:\\d{1,3})?|mps");

    /** How the learning rate falls from the warm-up to the last step. */
    public enum Schedule {
        /** Along half a cosine to {@code minLearningRate}. */
        COSINE,
        /** In a straight line to {@code minLearningRate}, as the paper's polynomial decay of power 1. */
        POLYNOMIAL,
        /** Not at all. */
        CONSTANT
    }

    /** Number format of matrix products. */
    public enum Precision {
        /** bfloat16 on an NVIDIA GPU of compute capability 8.0 or later, else float32. */
        AUTO,
        FLOAT32,
        BFLOAT16
    }

    public TrainConfig {
        requireArgument(steps > 0, "steps must be positive, got %d", steps);
        requireArgument(length > 0, "length must be positive, got %d", length);
        requireArgument(batch > 0, "batch must be positive, got %d", batch);
        requireArgument(accumulate > 0, "accumulate must be positive, got %d", accumulate);
        requireArgument(
                learningRate > 0 && Double.isFinite(learningRate),
                "learningRate must be a finite number above 0, got %s",
                learningRate);
        requireArgument(
                minLearningRate >= 0 && minLearningRate <= learningRate,
                "minLearningRate must lie between 0 and learningRate %s, got %s",
                learningRate,
                minLearningRate);
        requireArgument(warmup >= 0, "warmup must not be negative, got %d", warmup);
        requireArgument(
                schedule != null && precision != null,
                "schedule and precision must each be named, got %s, %s",
                schedule,
                precision);
        requireArgument(beta1 >= 0 && beta1 < 1, "beta1 must be at least 0 and below 1, got %s", beta1);
        requireArgument(beta2 >= 0 && beta2 < 1, "beta2 must be at least 0 and below 1, got %s", beta2);
        requireArgument(
                epsilon > 0 && Double.isFinite(epsilon), "epsilon must be a finite number above 0, got %s", epsilon);
        requireArgument(
                weightDecay >= 0 && Double.isFinite(weightDecay),
                "weightDecay must be a finite number of at least 0, got %s",
                weightDecay);
        requireArgument(
                clip >= 0 && Double.isFinite(clip), "clip must be 0 (off) or a finite number above 0, got %s", clip);
        requireArgument(
                recompute || !offload,
                "offload moves what recompute keeps, and recompute is off; set train.recompute=true too");
        requireArgument(
                lossChunk >= 0, "lossChunk must be 0 (chosen for the device) or a number of tokens, got %d", lossChunk);
        requireArgument(evalEvery >= 0, "evalEvery must be 0 (only at the end) or more, got %d", evalEvery);
        requireArgument(evalTokens > 0, "evalTokens must be positive, got %d", evalTokens);
        requireArgument(
                checkpointEvery >= 0, "checkpointEvery must be 0 (only at the end) or more, got %d", checkpointEvery);
        requireArgument(keepCheckpoints > 0, "keepCheckpoints must be positive, got %d", keepCheckpoints);
        requireArgument(logEvery > 0, "logEvery must be positive, got %d", logEvery);
        requireArgument(
                device != null && DEVICE.matcher(device).matches(),
                "device \"%s\" is not known; use auto, cpu, cuda, cuda:INDEX or mps",
                device);
        requireArgument(threads >= 0, "threads must be 0 (all cores) or more, got %d", threads);
        requireArgument(
                kernel != null && KERNELS.contains(kernel),
                "kernel \"%s\" is not known; use %s",
                kernel,
                String.join(", ", KERNELS));
    }

    /** A short run for a CPU: 500 steps of one sequence of 8192 tokens. */
    public static TrainConfig defaults() {
        return new TrainConfig(
                500,
                8192,
                1,
                1,
                1e-3,
                1e-4,
                50,
                Schedule.COSINE,
                0.9,
                0.98,
                1e-8,
                0.01,
                2.0,
                1,
                Precision.AUTO,
                false,
                false,
                0,
                100,
                65_536,
                100,
                2,
                10,
                "auto",
                0,
                "auto");
    }

    /** Whether products, and on a GPU activations, are bfloat16 on a device. */
    public boolean bfloat16(Device device) {
        return bfloat16(precision, device);
    }

    /** What a precision means on a device. */
    public static boolean bfloat16(Precision precision, Device device) {
        return precision == Precision.BFLOAT16
                || (precision == Precision.AUTO
                        && device.is_cuda()
                        && Gpu.of(device).major() >= 8);
    }

    /** Tokens whose logits exist at once on a device. */
    public int lossChunk(Device device) {
        return lossChunk > 0 ? lossChunk : device.is_cuda() ? 16_384 : 2048;
    }

    /** Tokens that one optimizer step reads: length × batch × accumulate. */
    public long tokensPerStep() {
        return (long) length * batch * accumulate;
    }
}
