package dev.longnet.train;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Windows;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Compute;
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
    private final Mesh mesh;
    private volatile boolean stopRequested;

    /**
     * @param config complete, with the vocabulary in its model
     * @param train tokens to learn from
     * @param heldOut tokens to measure on, or null
     * @throws IllegalArgumentException if the tokens are not all in the model's vocabulary
     */
    public Trainer(RunConfig config, RunFolder run, TokenFile train, TokenFile heldOut, TrainListener listener) {
        this(config, run, train, heldOut, listener, Mesh.ALONE);
    }

    /**
     * One rank of several, each of which runs a trainer of its own with the same arguments. The first alone uses the
     * run's folder and the listener.
     *
     * @param config complete, with the vocabulary in its model
     * @param train tokens to learn from
     * @param heldOut tokens to measure on, or null
     * @throws IllegalArgumentException if the tokens are not all in the model's vocabulary
     */
    public Trainer(
            RunConfig config, RunFolder run, TokenFile train, TokenFile heldOut, TrainListener listener, Mesh mesh) {
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
        this.listener = mesh.first() ? listener : TrainListener.NONE;
        this.mesh = mesh;
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
        Device device = mesh.device() == null ? Compute.device(t.device()) : mesh.device();
        Compute.threads(mesh.threads(t.threads()));
        Compute.seed(t.seed());
        try (Scope scope = new Scope()) {
            Windows windows = new Windows(train, t.length(), t.batch(), t.seed());
            Share share = Share.of(mesh, config.model().pattern(), t.batch(), t.length(), t.kernel());
            SameRun.require(mesh.world(), config, train, heldOut);
            // Locked once the arguments are known to be good: a call that is refused leaves no folder.
            try (RunLock lock = mesh.first() ? RunLock.take(run) : null) {
                return run(resume, device, windows, share);
            }
        }
    }

    private int run(boolean resume, Device device, Windows windows, Share share) {
        if (!resume && mesh.first() && run.hasCheckpoint()) {
            throw new LongNetException("%s already holds a run; resume it or choose another folder", run.path());
        }
        TrainConfig t = config.train();
        try (Scope scope = new Scope()) {
            LongNetDecoder model = new LongNetDecoder(config.model());
            model.to(device, false);
            try (AdamW optimizer = new AdamW(Parameters.of(model), t, mesh.world())) {
                SharedState shared = new SharedState(mesh.world(), model, optimizer, t.seed());
                Checkpoint.State begin = new Checkpoint.State(0, 0, 0, windows.state(), Checkpoint.Text.of(train));
                Checkpoint.Saved saved = null;
                if (mesh.first() && resume && run.hasCheckpoint()) {
                    saved = Checkpoint.load(run.latestCheckpoint(), shared);
                    if (saved.state().text() != null) {
                        saved.state().text().requireSame(Checkpoint.Text.of(train), run);
                    }
                }
                Checkpoint.State state = shared.spread(begin, saved);
                windows.restore(state.data());
                listener.started(state.step());
                try (Metrics metrics = mesh.first() ? new Metrics(run, state.step()) : null) {
                    return loop(shared, windows, share, state, metrics);
                }
            }
        }
    }

    private int loop(SharedState shared, Windows windows, Share share, Checkpoint.State begin, Metrics metrics) {
        TrainConfig t = config.train();
        LongNetDecoder model = shared.model();
        Device device = model.device();
        HeldOut evaluation = heldOut == null ? null : new HeldOut(config, heldOut, mesh);
        try (StepReports reports = new StepReports(config, run, begin, Checkpoint.Text.of(train), metrics, listener)) {
            for (int step = begin.step() + 1; step <= t.steps() && !stops(); step++) {
                reports.queued(queue(step, shared, windows, share));
                boolean evaluates = evaluation != null && (step == t.steps() || isDue(step, t.evalEvery()));
                boolean saves = isDue(step, t.checkpointEvery());
                if (!device.is_cuda() || evaluates || saves) {
                    reports.catchUp();
                }
                if (evaluates) {
                    double held = evaluation.loss(model, execution(share, device, false));
                    listener.heldOut(step, held);
                    reports.write(step, line(step, held));
                }
                if (saves) {
                    save(shared, reports);
                }
            }
            reports.catchUp();
            if (reports.state().step() > reports.savedStep()) {
                save(shared, reports);
            }
            return reports.state().step();
        }
    }

    /** Whether somebody asked any rank to stop. */
    private boolean stops() {
        boolean stops = false;
        for (long[] asked : mesh.world().allGather(stopRequested ? 1 : 0)) {
            stops |= asked[0] != 0;
        }
        return stops;
    }

    /** Gives the device one step to do. */
    private StepReports.Queued queue(int step, SharedState shared, Windows windows, Share share) {
        long start = System.nanoTime();
        double rate = LearningRate.at(step, config.train());
        try (Scope scope = new Scope()) {
            Readout results = Readout.of(step(shared.model(), shared.optimizer(), windows, rate, share));
            return new StepReports.Queued(step, rate, windows.state(), start, results);
        }
    }

    private void save(SharedState shared, StepReports reports) {
        Checkpoint.save(run, shared, reports.state(), config.train().keepCheckpoints());
        reports.saved();
        listener.saved(reports.state().step());
    }

    private static boolean isDue(int step, int every) {
        return every > 0 && step % every == 0;
    }

    /** One optimizer step; returns loss and gradient norm of all ranks as scalars. */
    private Tensor[] step(LongNetDecoder model, AdamW optimizer, Windows windows, double rate, Share share) {
        TrainConfig t = config.train();
        Execution execution = execution(share, model.device(), true);
        double weight = share.weight() / t.accumulate();
        Tensor loss = Tensors.zeros(Tensors.like(model.embedding()));
        for (int i = 1; i <= t.accumulate(); i++) {
            try (Scope scope = new Scope()) {
                Tensor rows = share.next(windows, model.device());
                Execution now = i < t.accumulate() ? execution : execution.withBlockDone(optimizer.blockDone());
                Tensor features = model.features(rows.narrow(1, 0, share.tokens()), null, share.stretch(), now);
                Tensor targets = rows.narrow(1, 1, share.tokens());
                Tensor mean = Loss.backward(model, features, targets, weight, t.lossChunk(model.device()), now);
                loss.add_(Ops.times(mean, weight));
            }
        }
        mesh.world().allReduce(loss).await();
        Tensor norm = optimizer.clip();
        optimizer.step(rate);
        return new Tensor[] {loss, norm};
    }

    private static Map<String, Object> line(int step, double heldOutLoss) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", step);
        line.put("heldOutLoss", heldOutLoss);
        return line;
    }

    private Execution execution(Share share, Device device, boolean training) {
        TrainConfig t = config.train();
        return Execution.PLAIN
                .withKernel(share.kernel())
                .withNumbers(Execution.Numbers.of(t.bfloat16(device), device))
                .withActivations(Execution.Activations.of(training && t.recompute(), t.offload()))
                .withDropout(training)
                .withTokensChecked(); // the files' vocabularies were compared with the model's
    }
}
