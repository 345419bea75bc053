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
        Execution execution = execution(t, true);
        Checkpoint.State state = begin;
        int saved = begin.step();
        while (state.step() < t.steps() && !stopRequested) {
            int step = state.step() + 1;
            long start = System.nanoTime();
            double rate = LearningRate.at(step, t);
            double loss, norm;
            try (Scope scope = new Scope()) {
                Tensor[] result = step(model, optimizer, windows, rate, execution);
                loss = Tensors.item(result[0]);
                norm = Tensors.item(result[1]);
            }
            double elapsed = (System.nanoTime() - start) / 1e9;
            state = new Checkpoint.State(
                    step,
                    state.tokens() + t.tokensPerStep(),
                    state.seconds() + elapsed,
                    windows.state(),
                    Checkpoint.Text.of(train));
            TrainListener.Report report = new TrainListener.Report(
                    step, t.steps(), state.tokens(), loss, rate, norm, t.tokensPerStep() / elapsed, state.seconds());
            requireFinite(report, begin.step(), saved);
            listener.step(report);
            boolean last = step == t.steps();
            if (step % t.logEvery() == 0 || last || step == 1) {
                metrics.write(step, line(report));
            }
            if (heldOut != null && (last || isDue(step, t.evalEvery()))) {
                double held = heldOutLoss(model);
                listener.heldOut(step, held);
                metrics.write(step, line(step, held));
            }
            if (isDue(step, t.checkpointEvery())) {
                save(model, optimizer, state);
                saved = step;
            }
        }
        if (state.step() > saved) {
            save(model, optimizer, state);
        }
        return state.step();
    }

    private void save(LongNetDecoder model, AdamW optimizer, Checkpoint.State state) {
        Checkpoint.save(run, model, optimizer, state, config.train().keepCheckpoints());
        listener.saved(state.step());
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
                Tensor features = model.features(rows.narrow(1, 0, t.length()), null, 0, execution);
                Tensor targets = rows.narrow(1, 1, t.length());
                loss.add_(Loss.backward(model, features, targets, 1.0 / t.accumulate(), t.lossChunk(), execution));
            }
        }
        Tensor norm = optimizer.clip();
        optimizer.step(rate);
        return new Tensor[] {Ops.times(loss, 1.0 / t.accumulate()), norm};
    }

    /** Mean −ln p over the first held-out tokens in windows of the trained length. */
    private double heldOutLoss(LongNetDecoder model) {
        TrainConfig t = config.train();
        Execution execution = execution(t, false);
        long limit = Math.min(t.evalTokens(), heldOut.tokens() - 1);
        double sum = 0;
        long count = 0;
        while (count < limit) {
            int n = (int) Math.min(t.length(), limit - count);
            try (Scope scope = new Scope();
                    var off = Gradient.off()) {
                int[] window = new int[n + 1];
                heldOut.read(count, window, 0, n + 1);
                Tensor rows = Tensors.of(longs(window), model.device(), 1, n + 1);
                Tensor features = model.features(rows.narrow(1, 0, n), null, 0, execution);
                for (float loss : Loss.perToken(model, features, rows.narrow(1, 1, n), t.lossChunk(), execution)) {
                    sum += loss;
                }
            }
            count += n;
        }
        return sum / count;
    }

    /** @param first step that was resumed from; @param saved step of the newest checkpoint */
    private void requireFinite(TrainListener.Report report, int first, int saved) {
        if (Double.isFinite(report.loss()) && Double.isFinite(report.gradientNorm())) {
            return;
        }
        boolean asLoaded = first > 0 && report.step() == first + 1;
        throw new LongNetException(
                "at step %d the loss is %s and the gradient norm %s (learning rate %.3g); %s",
                report.step(),
                report.loss(),
                report.gradientNorm(),
                report.learningRate(),
                asLoaded
                        ? "the weights in " + run.checkpoint(first)
                                + " give that by themselves: delete it to go on from" + " the one before"
                        : (saved == 0 ? "go on" : "the checkpoint of step " + saved + " is intact: go on from it")
                                + " with --resume and a lower train.learningRate, a longer train.warmup or a smaller"
                                + " train.clip");
    }

    private static Map<String, Object> line(TrainListener.Report report) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", report.step());
        line.put("tokens", report.tokens());
        line.put("loss", report.loss());
        line.put("learningRate", report.learningRate());
        line.put("gradientNorm", report.gradientNorm());
        line.put("tokensPerSecond", report.tokensPerSecond());
        line.put("seconds", report.seconds());
        return line;
    }

    private static Map<String, Object> line(int step, double heldOutLoss) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", step);
        line.put("heldOutLoss", heldOutLoss);
        return line;
    }

    private static Execution execution(TrainConfig t, boolean training) {
        return new Execution(
                AttentionKernel.of(t.kernel()),
                t.precision() == TrainConfig.Precision.BFLOAT16,
                training && t.recompute(),
                training);
    }

    private static long[] longs(int[] values) {
        long[] wide = new long[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }
}
