package dev.longnet.train;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Windows;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Readout;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/**
 * Trains a decoder on a token file, from nothing or from a run's newest checkpoint.
 *
 * <p>The same configuration on the same machine gives the same numbers, and a run that was stopped goes on to exactly
 * those that it would have had.
 */
public final class Trainer {
    private final RunConfig config;
    private final RunFolder run;
    private final TokenFile train;
    private final TokenFile heldOut;
    private final TrainListener listener;
    private volatile boolean stopRequested;

    /**
     * @param config complete, with the vocabulary in its model
     * @param train tokens to learn from
     * @param heldOut tokens to measure on, or null
     * @throws IllegalArgumentException if the tokens are not all in the model's vocabulary
     */
    public Trainer(RunConfig config, RunFolder run, TokenFile train, TokenFile heldOut, TrainListener listener) {
        for (TokenFile file : heldOut == null ? List.of(train) : List.of(train, heldOut)) {
            requireArgument(
                    file.vocabulary() <= config.model().vocabulary(),
                    "model.vocabulary %d is too small for the data, which has %d tokens; leave it at 0",
                    config.model().vocabulary(),
                    file.vocabulary());
        }
        this.config = config;
        this.run = run;
        this.train = train;
        this.heldOut = heldOut != null && heldOut.tokens() > 1 ? heldOut : null;
        this.listener = listener;
    }

    /** Asks the run to save after the step it is at and to return. Any thread may call it. */
    public void stop() {
        stopRequested = true;
    }

    /**
     * Trains until the configured step or until {@link #stop}.
     *
     * @param resume whether to go on from the newest checkpoint, or from the beginning where there is none yet
     * @return steps done
     * @throws LongNetException if the loss is no longer finite, another process trains in the folder, or files
     *     cannot be read or written
     */
    public int run(boolean resume) {
        TrainConfig t = config.train();
        Device device = Compute.device(t.device());
        Compute.threads(t.threads());
        Compute.seed(t.seed());
        try (Scope scope = new Scope()) {
            Windows windows = new Windows(train, t.length(), t.batch(), t.seed());
            // Locked once the arguments are known to be good: a call that is refused leaves no folder.
            try (RunLock lock = RunLock.take(run)) {
                return run(resume, device, windows);
            }
        }
    }

    private int run(boolean resume, Device device, Windows windows) {
        if (!resume && run.hasCheckpoint()) {
            throw new LongNetException("%s already holds a run; resume it or choose another folder", run.path());
        }
        TrainConfig t = config.train();
        try (Scope scope = new Scope()) {
            LongNetDecoder model = new LongNetDecoder(config.model());
            model.to(device, false);
            try (AdamW optimizer = new AdamW(Parameters.of(model), t)) {
                Checkpoint.State state = new Checkpoint.State(0, 0, 0, windows.state(), Checkpoint.Text.of(train));
                if (resume && run.hasCheckpoint()) {
                    state = Checkpoint.load(run.latestCheckpoint(), model, optimizer);
                    if (state.text() != null) {
                        state.text().requireSame(Checkpoint.Text.of(train), run);
                    }
                    windows.restore(state.data());
                }
                listener.started(state.step());
                try (Metrics metrics = new Metrics(run, state.step())) {
                    return loop(model, optimizer, windows, state, metrics);
                }
            }
        }
    }

    private int loop(LongNetDecoder model, AdamW optimizer, Windows windows, Checkpoint.State begin, Metrics metrics) {
        TrainConfig t = config.train();
        Device device = model.device();
        Execution execution = execution(t, device, true);
        try (StepReports reports = new StepReports(config, run, begin, Checkpoint.Text.of(train), metrics, listener)) {
            for (int step = begin.step() + 1; step <= t.steps() && !stopRequested; step++) {
                reports.queued(queue(step, model, optimizer, windows, execution));
                boolean evaluates = heldOut != null && (step == t.steps() || isDue(step, t.evalEvery()));
                boolean saves = isDue(step, t.checkpointEvery());
                if (!device.is_cuda() || evaluates || saves) {
                    reports.catchUp();
                }
                if (evaluates) {
                    double held = heldOutLoss(model);
                    listener.heldOut(step, held);
                    metrics.write(step, line(step, held));
                }
                if (saves) {
                    save(model, optimizer, reports);
                }
            }
            reports.catchUp();
            if (reports.state().step() > reports.savedStep()) {
                save(model, optimizer, reports);
            }
            return reports.state().step();
        }
    }

    /** Gives the device one step to do. */
    private StepReports.Queued queue(
            int step, LongNetDecoder model, AdamW optimizer, Windows windows, Execution execution) {
        long start = System.nanoTime();
        double rate = LearningRate.at(step, config.train());
        try (Scope scope = new Scope()) {
            Readout results = Readout.of(step(model, optimizer, windows, rate, execution));
            return new StepReports.Queued(step, rate, windows.state(), start, results);
        }
    }

    private void save(LongNetDecoder model, AdamW optimizer, StepReports reports) {
        Checkpoint.save(run, model, optimizer, reports.state(), config.train().keepCheckpoints());
        reports.saved();
        listener.saved(reports.state().step());
    }

    private static boolean isDue(int step, int every) {
        return every > 0 && step % every == 0;
    }

    /** One optimizer step; returns loss and gradient norm as scalars. */
    private Tensor[] step(LongNetDecoder model, AdamW optimizer, Windows windows, double rate, Execution execution) {
        TrainConfig t = config.train();
        Tensor loss = Tensors.zeros(Tensors.like(model.embedding()));
        for (int i = 0; i < t.accumulate(); i++) {
            try (Scope scope = new Scope()) {
                Tensor rows = Tensors.of(windows.next().tokens(), model.device(), t.batch(), t.length() + 1L);
                Tensor features = model.features(rows.narrow(1, 0, t.length()), execution);
                Tensor targets = rows.narrow(1, 1, t.length());
                loss.add_(Loss.backward(
                        model, features, targets, 1.0 / t.accumulate(), t.lossChunk(model.device()), execution));
            }
        }
        Tensor norm = optimizer.clip();
        optimizer.step(rate);
        return new Tensor[] {Ops.times(loss, 1.0 / t.accumulate()), norm};
    }

    /** Mean −ln p over the first held-out tokens in windows of the trained length. */
    private double heldOutLoss(LongNetDecoder model) {
        TrainConfig t = config.train();
        long limit = Math.min(t.evalTokens(), heldOut.tokens() - 1);
        double sum = 0;
        long count = 0;
        while (count < limit) {
            int n = (int) Math.min(t.length(), limit - count);
            try (Scope scope = new Scope();
                    var off = Gradient.off()) {
                Execution execution = execution(t, model.device(), false);
                int[] window = new int[n + 1];
                heldOut.read(count, window, 0, n + 1);
                Tensor rows = Tensors.of(longs(window), model.device(), 1, n + 1);
                Tensor features = model.features(rows.narrow(1, 0, n), execution);
                for (float loss :
                        Loss.perToken(model, features, rows.narrow(1, 1, n), t.lossChunk(model.device()), execution)) {
                    sum += loss;
                }
            }
            count += n;
        }
        return sum / count;
    }

    private static Map<String, Object> line(int step, double heldOutLoss) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", step);
        line.put("heldOutLoss", heldOutLoss);
        return line;
    }

    private static Execution execution(TrainConfig t, Device device, boolean training) {
        return Execution.PLAIN
                .withKernel(AttentionKernel.of(t.kernel()))
                .withNumbers(Execution.Numbers.of(t.bfloat16(device), device))
                .withActivations(Execution.Activations.of(training && t.recompute(), t.offload()))
                .withDropout(training)
                .withTokensChecked(); // the files' vocabularies were compared with the model's
    }

    private static long[] longs(int[] values) {
        long[] wide = new long[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }
}
