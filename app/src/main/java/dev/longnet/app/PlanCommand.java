package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.app.bench.CpuRates;
import dev.longnet.app.report.PlanChart;
import dev.longnet.config.Configs;
import dev.longnet.config.Key;
import dev.longnet.data.Tokenizer;
import dev.longnet.io.AtomicFiles;
import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.plan.Assumptions;
import dev.longnet.plan.Machine;
import dev.longnet.plan.PlanConfig;
import dev.longnet.plan.Planner;
import dev.longnet.plan.Prediction;
import dev.longnet.plan.Presets;
import dev.longnet.train.RunConfig;
import dev.longnet.train.RunFolder;
import dev.longnet.train.TrainConfig.Precision;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet plan}: what training or reading would take, before anything runs. */
@Command(
        name = "plan",
        description = "Predicts time and memory of training or of reading a text, beside dense attention, and says what"
                + " the prediction rests on.")
final class PlanCommand implements Callable<Integer> {
    private static final String PREDICTED = "These are predictions: nothing in them was measured on such a machine.";

    @Option(
            names = {"--tokens", "--lengths"},
            paramLabel = "N",
            split = ",",
            defaultValue = "8k,64k,512k,4m,32m,256m,1b",
            description = "Tokens of the one sequence that all devices share, or of the text (default:"
                    + " ${DEFAULT-VALUE}); 1b is a billion.")
    private List<Long> lengths;

    @Option(
            names = "--model",
            paramLabel = "NAME|RUN",
            defaultValue = "124m",
            description = "A size, quickstart, 124m, 350m, 760m, 1.3b, 2.7b or 6.7b, or the folder of a run (default:"
                    + " ${DEFAULT-VALUE}); keys of model go over it.")
    private String model;

    @Option(
            names = "--pattern",
            paramLabel = "W:R,...",
            description = "Branches of attention (default: a run's own; else the paper's series up to each length, and"
                    + " 2k:1,16k:8... to read).")
    private DilationPattern pattern;

    @Option(
            names = {"--device", "--machine"},
            paramLabel = "NAME",
            defaultValue = "h200",
            description = "h200 or h100, eight a machine, or cpu, whose rates are measured here, which takes a few"
                    + " seconds (default: ${DEFAULT-VALUE}); keys of machine go over it.")
    private String device;

    @Option(
            names = {"--devices", "--ranks"},
            paramLabel = "P",
            split = ",",
            defaultValue = "1",
            description = "Numbers of devices (default: ${DEFAULT-VALUE}).")
    private List<Integer> devices;

    @ArgGroup
    private Work work = new Work();

    private static final class Work {
        @Option(names = "--train", description = "Predicts training steps (default).")
        private boolean train;

        @Option(names = "--read", description = "Predicts reading a text in pieces, as longnet read does.")
        private boolean read;

        @Option(names = "--forward-only", description = "Predicts the forward pass over a whole sequence alone.")
        private boolean forwardOnly;
    }

    @Option(
            names = "--activations",
            paramLabel = "WAY",
            description = "Of training: kept, recomputed or offloaded to the host (default: the first that fits).")
    private Activations activations;

    @Option(
            names = "--piece",
            paramLabel = "N",
            description = "Of reading: tokens that go through the model at once (default: 256k on a GPU, else 16k).")
    private Long piece;

    @Option(
            names = "--svg",
            paramLabel = "FILE",
            description = "Writes a chart of time and memory by length, beside dense attention.")
    private Path svg;

    @Mixin
    private final ConfigOptions configuration = new ConfigOptions(PlanConfig::defaults);

    @Mixin
    private OutputOptions options;

    /** What the predictions of a length rest on, as a line of JSON after them. */
    private record Basis(boolean predicted, long length, Map<String, String> configuration, List<String> assumptions) {}

    @Override
    public Integer call() {
        requireArgument(activations == null || !work.read && !work.forwardOnly, "--activations are those of training");
        requireArgument(piece == null || work.read, "--piece is that of reading; add --read");
        requireArgument(
                !work.read || devices.equals(List.of(1)),
                "a text is read by one device, got --devices %s; leave it out",
                devices);
        Output output = options.output();
        Machine machine = machine(output);
        List<PlanRow> rows = new ArrayList<>();
        List<Basis> bases = new ArrayList<>();
        Set<String> headings = new LinkedHashSet<>(), assumptions = new LinkedHashSet<>();
        for (long length : lengths) {
            PlanConfig config = config(machine, length);
            PlanConfig dense = Configs.with(config, "model.pattern=" + DilationPattern.dense(length));
            for (int count : devices) {
                Prediction beside = predict(dense, length, count);
                rows.add(new PlanRow(
                        predict(config, length, count),
                        new PlanRow.Dense(beside.seconds(), beside.memoryBytes(), beside.fits())));
            }
            List<String> rests = Assumptions.of(config, direction());
            Map<String, String> keys = new LinkedHashMap<>();
            Key.of(config).forEach(key -> keys.put(key.path(), key.value()));
            bases.add(new Basis(true, length, keys, rests));
            headings.add(describe(config.model()));
            assumptions.addAll(rests);
        }
        rows.forEach(output::json);
        bases.forEach(output::json);
        if (svg != null) {
            AtomicFiles.writeString(svg, chart(rows).svg());
            output.note("the chart: %s", svg);
        }
        if (!output.json()) {
            output.say(PREDICTED);
            headings.forEach(heading -> output.say("%s", heading));
            output.say(
                    work.read ? PlanRow.ofReading(rows) : PlanRow.ofSteps(rows, work.forwardOnly ? "forward" : "step"));
            output.say("What they rest on:");
            assumptions.forEach(assumption -> output.say("- %s", assumption));
        }
        return 0;
    }

    private Assumptions.Direction direction() {
        return work.read
                ? Assumptions.Direction.READ
                : work.forwardOnly ? Assumptions.Direction.FORWARD : Assumptions.Direction.TRAIN;
    }

    private Prediction predict(PlanConfig config, long length, int count) {
        Planner planner = new Planner(config);
        return switch (direction()) {
            case READ -> planner.reading(length, piece);
            case FORWARD -> planner.forward(length, count);
            case TRAIN -> planner.training(length, count, activations);
        };
    }

    /** The named machine; a CPU's rates are measured for the model. */
    private Machine machine(Output output) {
        Machine named = Machine.of(device);
        if (!named.cpu()) {
            return named;
        }
        output.note("measuring how fast this machine is ...");
        long longest = lengths.stream().mapToLong(Long::longValue).max().orElseThrow();
        LongNetConfig planned = config(named, longest).model();
        return CpuRates.of(named, planned, bfloat16(), !work.read && !work.forwardOnly, 0);
    }

    /** Whether a run's matrix products on a CPU are in bfloat16. */
    private boolean bfloat16() {
        return !Presets.has(model) && run().train().precision() == Precision.BFLOAT16;
    }

    /** Where no pattern is given and a size is named, each length has its own. */
    private PlanConfig config(Machine machine, long length) {
        DilationPattern usual = pattern != null ? pattern : work.read ? PlanConfig.READING : PlanConfig.series(length);
        LongNetConfig base;
        if (Presets.has(model) || !Files.exists(Path.of(model))) {
            base = Presets.of(model, usual);
        } else {
            base = run().model();
            // As training does where none is set.
            int vocabulary = Tokenizer.of(run().data().tokenizer()).vocabulary();
            base = base.vocabulary() == 0 ? base.withVocabulary(vocabulary) : base;
            base = pattern == null ? base : Configs.with(base, "pattern=" + pattern);
        }
        return configuration.read(new PlanConfig(base, machine));
    }

    private RunConfig run() {
        return new RunFolder(Path.of(model)).readConfig();
    }

    private PlanChart chart(List<PlanRow> rows) {
        PlanChart chart = new PlanChart(
                work.read ? "text that is read" : work.forwardOnly ? "forward pass" : "training step",
                "longnet plan: " + (work.read ? "reading" : work.forwardOnly ? "forward pass" : "training step")
                        + ", model " + model + ", " + device + ", predicted");
        boolean several = devices.size() > 1;
        for (int count : devices) {
            List<PlanRow> ours =
                    rows.stream().filter(row -> row.plan().ranks() == count).toList();
            String at = several ? ", " + count + (count == 1 ? " device" : " devices") : "";
            chart.add(
                    at,
                    ours.stream().mapToDouble(row -> row.plan().length()).toArray(),
                    ours.stream().mapToDouble(row -> row.plan().seconds()).toArray(),
                    ours.stream().mapToDouble(row -> row.plan().memoryBytes()).toArray(),
                    ours.stream().mapToDouble(row -> row.dense().seconds()).toArray(),
                    ours.stream().mapToDouble(row -> row.dense().memoryBytes()).toArray());
        }
        return chart;
    }

    private String describe(LongNetConfig model) {
        return String.format(
                Locale.ROOT,
                "%s of %d × %d (%s parameters), pattern %s, %s",
                switch (direction()) {
                    case READ -> "a text read by a model";
                    case FORWARD -> "forward pass";
                    case TRAIN -> "training step";
                },
                model.layers(),
                model.embedding(),
                Human.count(model.parameterCount()),
                model.pattern(),
                model.causal() ? "causal" : "bidirectional");
    }
}
