package dev.longnet.train;

import dev.longnet.LongNetException;
import dev.longnet.data.Windows;
import dev.longnet.tensor.Readout;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How far a run is, by the steps whose results have been read.
 *
 * <p>A GPU is given a step while it computes the one before, so its results are read one step late and it never waits
 * for whoever reads them.
 */
final class StepReports implements AutoCloseable {
    private final RunConfig config;
    private final RunFolder run;
    private final int first;
    private final Checkpoint.Text text;
    private final Metrics metrics;
    private final TrainListener listener;
    private Checkpoint.State state;
    private int saved;
    private Queued waiting;
    private long reported = System.nanoTime();

    /**
     * A step that the device has been given, and may still be at.
     *
     * @param data position in the data after it
     * @param start when it was given, in nanoseconds
     * @param results loss and gradient norm
     */
    record Queued(int step, double rate, Windows.State data, long start, Readout results) {}

    /**
     * @param begin where the run goes on from
     * @param metrics where numbers are written, or null for nowhere
     */
    StepReports(
            RunConfig config,
            RunFolder run,
            Checkpoint.State begin,
            Checkpoint.Text text,
            Metrics metrics,
            TrainListener listener) {
        this.config = config;
        this.run = run;
        this.text = text;
        this.metrics = metrics;
        this.listener = listener;
        state = begin;
        first = begin.step();
        saved = first;
    }

    /** Writes a line of metrics, where there are any. */
    void write(int step, Map<String, Object> values) {
        if (metrics != null) {
            metrics.write(step, values);
        }
    }

    /** Reports on the step before this one. */
    void queued(Queued step) {
        Queued before = waiting;
        waiting = step;
        report(before);
    }

    /** Waits for the last step and reports on it. */
    void catchUp() {
        Queued last = waiting;
        waiting = null;
        report(last);
    }

    /** Where the run stands after the last step that was reported on. */
    Checkpoint.State state() {
        return state;
    }

    /** Step of the newest checkpoint. */
    int savedStep() {
        return saved;
    }

    /** The state has been saved. */
    void saved() {
        saved = state.step();
    }

    private void report(Queued step) {
        if (step == null) {
            return;
        }
        double[] results;
        try (Readout readout = step.results) {
            results = readout.values();
        }
        TrainConfig t = config.train();
        // A step that was given while the one before was computed began when that one ended.
        double elapsed = (System.nanoTime() - Math.max(step.start, reported)) / 1e9;
        state = new Checkpoint.State(
                step.step, state.tokens() + t.tokensPerStep(), state.seconds() + elapsed, step.data, text);
        TrainListener.Report report = new TrainListener.Report(
                step.step,
                t.steps(),
                state.tokens(),
                results[0],
                step.rate,
                results[1],
                t.tokensPerStep() / elapsed,
                state.seconds());
        requireFinite(report);
        listener.step(report);
        if (step.step % t.logEvery() == 0 || step.step == t.steps() || step.step == 1) {
            write(step.step, line(report));
        }
        reported = System.nanoTime();
    }

    private void requireFinite(TrainListener.Report report) {
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

    @Override
    public void close() {
        if (waiting != null) {
            waiting.results.close();
        }
    }
}
