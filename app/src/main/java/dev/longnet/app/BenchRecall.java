package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.app.report.RecallChart;
import dev.longnet.config.Sizes;
import dev.longnet.io.AtomicFiles;
import dev.longnet.recall.Lessons;
import dev.longnet.recall.RecallConfig;
import dev.longnet.recall.RecallResult;
import dev.longnet.recall.RecallRun;
import dev.longnet.recall.RecallTrainer;
import dev.longnet.tensor.Compute;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet bench recall}: whether facts told far back are remembered. */
@Command(
        name = "recall",
        description =
                "Trains a small model to recall facts from long texts and measures how far back it remembers them,"
                        + " beside a sliding window of the same cost.",
        footer = {
            "",
            "\"covered\" is the share of questions whose fact the attention can carry to the answer in as many hops as there"
                    + " are layers. A second call with the same --out only asks again; interrupted training goes on after"
                    + " the last stage that was done."
        })
final class BenchRecall implements Callable<Integer> {
    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            defaultValue = "runs/recall",
            description = "Where the trained models are kept (default: ${DEFAULT-VALUE}).")
    private Path out;

    @Option(
            names = "--distances",
            paramLabel = "N",
            split = ",",
            defaultValue = "256,512,1k,4k,16k,64k",
            description = "Tokens from fact to answer (default: ${DEFAULT-VALUE}).")
    private List<Integer> distances;

    @Option(
            names = "--samples",
            paramLabel = "COUNT",
            defaultValue = "20",
            description = "Texts, each asked once a distance (default: ${DEFAULT-VALUE}).")
    private int samples;

    @Option(
            names = "--attention",
            paramLabel = "KIND",
            split = ",",
            defaultValue = "dilated,window",
            description = "dilated, window or both (default: ${DEFAULT-VALUE}).")
    private List<String> kinds;

    @Option(
            names = "--window",
            paramLabel = "N",
            description = "Tokens of the sliding window (default: what costs as much as the pattern).")
    private Integer window;

    @Option(
            names = "--minutes",
            paramLabel = "M",
            description = "Most time to train one kind of attention; then it is asked as it is (default: all stages).")
    private Double minutes;

    @Option(names = "--svg", paramLabel = "FILE", description = "Draws the result as an SVG picture.")
    private Path svg;

    @Option(
            names = "--kernel",
            paramLabel = "NAME",
            defaultValue = "auto",
            description = "Attention kernel: auto, reference, aten or hopper (default: ${DEFAULT-VALUE}).")
    private String kernel;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private final ConfigOptions configuration = new ConfigOptions(RecallConfig::defaults);

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() {
        Output output = options.output();
        for (String kind : kinds) {
            requireArgument(
                    kind.equals("dilated") || kind.equals("window"),
                    "--attention %s is not known; use dilated, window or both as dilated,window",
                    kind);
        }
        Compute.threads(device.threads());
        RecallConfig config = configuration.given()
                ? configuration.read(RecallConfig.defaults())
                : RecallRun.configOf(out, RecallConfig.defaults());
        int[] asked = config.task()
                .distances(distances.stream().mapToInt(Integer::intValue).toArray());
        int farthest = asked[asked.length - 1];
        requireArgument(samples > 0, "--samples must be positive, got %d", samples);
        int window = this.window == null ? config.windowOfSameCost(farthest) : this.window;
        RecallRun run = new RecallRun(out, config, device.name(), kernel, window);
        List<RecallResult> results = new ArrayList<>();
        for (String kind : kinds) {
            boolean windowed = kind.equals("window");
            if (!train(run, windowed, config, output)) {
                return 1;
            }
            results.addAll(ask(run, windowed, output));
        }
        results.forEach(output::json);
        if (!output.json()) {
            show(config, window, results, output);
        }
        if (svg != null) {
            AtomicFiles.writeString(svg, RecallChart.svg(results));
        }
        return 0;
    }

    private boolean train(RecallRun run, boolean windowed, RecallConfig config, Output output) {
        List<Lessons.Stage> stages = config.train().inOrder();
        int before = run.stagesDone(windowed);
        if (before == stages.size() || minutes != null && minutes == 0) {
            return true;
        }
        String kind = windowed ? "window" : "dilated";
        if (before > 0) {
            output.note("%s: goes on after stage %d of %d", kind, before, stages.size());
        }
        Display display = new Display(kind, stages, before, output);
        boolean done = run.train(windowed, minutes == null ? Double.MAX_VALUE : 60 * minutes, display);
        display.close();
        if (!done) {
            output.note(
                    "%s: stopped in stage %d of %d and saved; the same command goes on there",
                    kind, run.stagesDone(windowed) + 1, stages.size());
        }
        return done || minutes != null;
    }

    /** Shows how a training goes, a bar for each stage. */
    private static final class Display implements RecallTrainer.Listener, AutoCloseable {
        private final String kind;
        private final List<Lessons.Stage> stages;
        private final Output output;
        private int stage;
        private ProgressBar bar;

        Display(String kind, List<Lessons.Stage> stages, int before, Output output) {
            this.kind = kind;
            this.stages = stages;
            this.output = output;
            stage = before;
        }

        @Override
        public void step(RecallTrainer.Report report) {
            if (bar == null) {
                String length = Sizes.format(stages.get(stage).length());
                bar = output.progress(kind + " " + length, 0, stages.get(stage).steps());
            }
            bar.update(report.step(), 0, report.loss());
            if (report.step() % 50 == 0 || report.step() == stages.get(stage).steps()) {
                output.note(
                        "%s %s step %d: loss %.3f, %.1f %% right, %.1f %% of far ones, %.0f s",
                        kind,
                        Sizes.format(report.length()),
                        report.step(),
                        report.loss(),
                        100 * report.right(),
                        100 * report.far(),
                        report.seconds());
                output.json(report);
            }
        }

        @Override
        public void stageDone(int stages) {
            close();
            stage = stages;
        }

        @Override
        public void close() {
            if (bar != null) {
                bar.close();
                bar = null;
            }
        }
    }

    private List<RecallResult> ask(RecallRun run, boolean windowed, Output output) {
        int[] all = distances.stream().mapToInt(Integer::intValue).toArray();
        try (ProgressBar bar = output.progress(windowed ? "ask window" : "ask dilated", 0, samples)) {
            return run.evaluate(windowed, all, samples, (texts, tokens) -> bar.update(texts, tokens, Double.NaN));
        }
    }

    private void show(RecallConfig config, int window, List<RecallResult> results, Output output) {
        output.say(
                "recall, %d × %d, %d heads, pattern %s, window %d, %d texts, chance %.1f %%",
                config.model().layers(),
                config.model().embedding(),
                config.model().heads(),
                config.model().pattern(),
                window,
                samples,
                100 * results.get(0).chance());
        Table table = new Table("distance", "attention", "right", "covered", "right of covered", "right of others");
        for (RecallResult r : results) {
            table.row(
                    Sizes.format(r.distance()),
                    r.attention(),
                    percent(r.right()),
                    percent(r.covered()),
                    percent(r.rightCovered()),
                    percent(r.rightOthers()));
        }
        output.say(table);
    }

    private static String percent(Double share) {
        return share == null ? "-" : String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }
}
