package dev.longnet.app;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.app.bench.CpuRates;
import dev.longnet.config.Sizes;
import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetConfig.Positions;
import dev.longnet.plan.Machine;
import dev.longnet.plan.PlanConfig;
import dev.longnet.plan.Planner;
import dev.longnet.plan.Prediction;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gpu;
import dev.longnet.tensor.GpuMemory;
import dev.longnet.tensor.HostMemory;
import dev.longnet.train.RunConfig;
import dev.longnet.train.TrainConfig;
import dev.longnet.train.TrainedModel;
import java.util.Locale;
import org.bytedeco.pytorch.Device;

/**
 * What a run is predicted to take on the device that it runs on, said before it starts, and refused where it cannot fit.
 *
 * <p>A run for which there is no prediction, as on a GPU in float32, goes its way without.
 */
final class Forecast {
    /** A run shorter than this is not worth measuring the processor for. */
    private static final double SHORT_SECONDS = 20;

    /** Tokens of segments up to which the fast kernel of GPUs takes xpos positions with heads of any width. */
    private static final long LONGEST_DAMPED = 32 << 10;

    private static final double GIB = 1L << 30;

    private final Device device;
    private final boolean bfloat16;
    private final int threads;
    private final Output output;

    private Forecast(Device device, boolean bfloat16, int threads, Output output) {
        this.device = device;
        this.bfloat16 = bfloat16;
        this.threads = threads;
        this.output = output;
    }

    /**
     * Says what training is predicted to take.
     *
     * @param steps that are still to be done
     * @throws IllegalArgumentException if it needs more memory than the device has
     */
    static void ofTraining(RunConfig config, int steps, Mesh mesh, Output output) {
        TrainConfig train = config.train();
        Device device = mesh.device() == null ? Compute.device(train.device()) : mesh.device();
        if (train.kernel().equals("reference")
                || device.is_cpu() && mesh.world().size() > 1) {
            return;
        }
        int threads = mesh.threads(train.threads());
        new Forecast(device, train.bfloat16(device), threads, output).training(config, steps, mesh);
    }

    /**
     * Says what reading is predicted to take.
     *
     * @param length tokens of the text up to which is read
     * @param tokens of it that are still to be read
     * @throws IllegalArgumentException if it needs more memory than the device has
     */
    static void ofReading(TrainedModel model, long length, long tokens, int piece, int threads, Output output) {
        Device device = model.model().device();
        if (isUsual(model.config().train().kernel(), device)) {
            Forecast forecast = new Forecast(device, model.execution().bfloat16(), threads, output);
            forecast.orGoOn(() -> forecast.reading(model.config().model(), length, tokens, piece));
        }
    }

    /** Whether attention is computed by the kernel whose time and memory are known. */
    private static boolean isUsual(String kernel, Device device) {
        return kernel.equals("auto") || kernel.equals(device.is_cuda() ? "hopper" : "aten");
    }

    /** A run must not end because nobody can say how long it takes. */
    private void orGoOn(Runnable prediction) {
        try {
            prediction.run();
        } catch (LongNetException | LinkageError e) {
            output.note("no prediction: %s", e.getMessage());
        }
    }

    private void training(RunConfig config, int steps, Mesh mesh) {
        TrainConfig train = config.train();
        LongNetConfig model = config.model();
        int batch = Math.max(
                1, train.batch() / (mesh.world().size() / mesh.sequence().size()));
        Activations activations = Activations.of(train.recompute(), train.offload());
        int ranks = mesh.sequence().size();
        Planner planner = planner(model);
        Prediction step = planner == null ? null : training(planner, train.length(), batch, ranks, activations);
        if (step == null) {
            return;
        }
        double least = planner.leastBytes(step, batch), has = memory();
        if (least > has) {
            long fits = longest(planner, batch, ranks, activations, train.length(), has);
            throw new InvalidArgumentException(
                    "training on %d × %d tokens needs at least %s of memory and %s has %s; %s",
                    batch, train.length(), Human.bytes(least), name(), Human.bytes(has), wayOut(activations, fits));
        }
        Planner timed = timed(planner, model, step.seconds() * train.accumulate() * steps, true);
        String time = "";
        if (timed != null) {
            step = training(timed, train.length(), batch, ranks, activations);
            double seconds = step.seconds() * train.accumulate();
            time = String.format(
                    Locale.ROOT,
                    "%s tokens/s, %s a step, %s for %d steps, ",
                    Human.count(step.tokensPerSecond() * (mesh.world().size() / ranks)),
                    Human.span(seconds),
                    Human.span(seconds * steps),
                    steps);
        }
        say(time, step);
    }

    private static Prediction training(Planner planner, long length, int batch, int ranks, Activations activations) {
        try {
            return planner.training(length, batch, ranks, activations);
        } catch (InvalidArgumentException e) {
            return null; // of what cannot be planned training itself says what is wrong, if anything
        }
    }

    /** The longest sequence, a power of two, that cannot be ruled out; 0 for none. */
    private static long longest(
            Planner planner, int batch, int ranks, Activations activations, long below, double has) {
        for (long length = Long.highestOneBit(below); length >= Math.max(1, ranks); length /= 2) {
            Prediction step = training(planner, length, batch, ranks, activations);
            if (step != null && step.memoryBytes() <= has) {
                return length;
            }
        }
        return 0;
    }

    private String wayOut(Activations activations, long fits) {
        String shorter = fits == 0 ? "a smaller model" : "train.length of " + Sizes.format(fits) + " or less";
        return switch (activations) {
            case KEPT -> "set train.recompute=true, or use " + shorter;
            case RECOMPUTED ->
                device.is_cuda()
                        ? "set train.offload=true, share the sequence by --ranks, or use " + shorter
                        : "use " + shorter;
            case OFFLOADED -> "share the sequence by --ranks, or use " + shorter;
        };
    }

    private void reading(LongNetConfig model, long length, long tokens, int piece) {
        Planner planner = planner(model);
        if (planner == null) {
            return;
        }
        Prediction whole = planner.reading(length, (long) piece);
        double least = planner.leastBytes(whole, 1), has = memory();
        if (least > has) {
            throw new InvalidArgumentException(
                    "reading pieces of %d tokens and keeping %s of the text needs at least %s of memory and %s has %s; %s",
                    whole.tokensPerRank(),
                    Human.bytes(whole.stateBytes()),
                    Human.bytes(least),
                    name(),
                    Human.bytes(has),
                    whole.stateBytes() > has / 2 ? "read less of it by --tokens" : "use a smaller --piece");
        }
        Planner timed = timed(planner, model, tokens / whole.tokensPerSecond(), false);
        String time = "";
        if (timed != null) {
            whole = timed.reading(length, (long) piece);
            time = String.format(
                    Locale.ROOT,
                    "%s tokens/s, %s for %s tokens, ",
                    Human.count(whole.tokensPerSecond()),
                    Human.span(tokens / whole.tokensPerSecond()),
                    Human.count(tokens));
        }
        say(time, whole);
    }

    private void say(String time, Prediction prediction) {
        output.note(
                "predicted: %s%s of memory beside the program itself; %s has %s%s",
                time,
                Human.bytes(prediction.memoryBytes()),
                name(),
                Human.bytes(memory()),
                device.is_cuda() ? ", " + Human.bytes(GpuMemory.room(device).free()) + " of it free" : "");
    }

    /** Of a device for which memory can be predicted, else null. */
    private Planner planner(LongNetConfig model) {
        boolean fast = model.positions() != Positions.XPOS
                || !model.pattern().grows() && model.pattern().longestSegment() <= LONGEST_DAMPED;
        if (!device.is_cpu() && !(device.is_cuda() && bfloat16 && fast)) {
            return null;
        }
        try {
            Machine named = Machine.of(device.is_cpu() ? "cpu" : known() ? kind() : "h200");
            return new Planner(new PlanConfig(model, named.withMemory(memory() / GIB)));
        } catch (InvalidArgumentException e) {
            return null; // such as heads wider than were measured
        }
    }

    /**
     * A planner that knows how fast this device is, or null where that is not known.
     *
     * @param seconds of the whole run on a usual processor
     */
    private Planner timed(Planner planner, LongNetConfig model, double seconds, boolean training) {
        if (device.is_cuda()) {
            return known() ? planner : null;
        }
        if (seconds < SHORT_SECONDS || output == Output.NONE) {
            return null;
        }
        Machine measured = CpuRates.of(Machine.of("cpu"), model, bfloat16, training, threads);
        return new Planner(new PlanConfig(model, measured));
    }

    private boolean known() {
        return !kind().isEmpty();
    }

    /** The name that plans know a GPU by, or nothing. */
    private String kind() {
        String name = Gpu.of(device).name();
        return name.contains("H200") ? "h200" : name.contains("H100") ? "h100" : "";
    }

    private double memory() {
        return device.is_cpu() ? HostMemory.total() : GpuMemory.room(device).total();
    }

    private String name() {
        return device.is_cpu() ? "this machine" : Gpu.of(device).name();
    }
}
