package dev.longnet.app;

import dev.longnet.config.Key;
import dev.longnet.config.Sizes;
import dev.longnet.model.Execution.Activations;
import dev.longnet.model.LongNetConfig;
import dev.longnet.plan.Assumptions;
import dev.longnet.plan.Machine;
import dev.longnet.plan.PlanConfig;
import dev.longnet.plan.Planner;
import dev.longnet.plan.Prediction;
import java.time.Duration;
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

/** {@code longnet plan}: what a step would take on machines that are not here. */
@Command(
        name = "plan",
        description = "Predicts time and memory of a training step on many GPUs and says what the prediction rests on.")
final class PlanCommand implements Callable<Integer> {
    private static final String PREDICTED = "These are predictions: nothing in them was measured on such a machine.";

    @Option(
            names = "--lengths",
            paramLabel = "N",
            split = ",",
            defaultValue = "1g",
            description = "Tokens of the one sequence that all GPUs share (default: ${DEFAULT-VALUE}).")
    private List<Long> lengths;

    @Option(
            names = "--ranks",
            paramLabel = "P",
            split = ",",
            defaultValue = "8,16,32,64,128,256,512,1024",
            description = "Numbers of GPUs (default: ${DEFAULT-VALUE}).")
    private List<Integer> ranks;

    @Option(
            names = "--machine",
            paramLabel = "NAME",
            defaultValue = "h200",
            description = "h200 or h100, eight GPUs each (default: ${DEFAULT-VALUE}); keys of machine go over it.")
    private String machine;

    @ArgGroup
    private Step step = new Step();

    private static final class Step {
        @Option(names = "--forward-only", description = "Predicts the forward pass alone.")
        private boolean forwardOnly;

        @Option(
                names = "--activations",
                paramLabel = "WAY",
                description = "kept, recomputed or offloaded to the host (default: the first of them that fits).")
        private Activations activations;
    }

    @Mixin
    private final ConfigOptions configuration = new ConfigOptions(PlanConfig::defaults);

    @Mixin
    private OutputOptions options;

    /** What the predictions of a length rest on, as a line of JSON after them. */
    private record Basis(boolean predicted, long length, Map<String, String> configuration, List<String> assumptions) {}

    @Override
    public Integer call() {
        Output output = options.output();
        Machine named = Machine.of(machine);
        List<Prediction> predictions = new ArrayList<>();
        List<Basis> bases = new ArrayList<>();
        Set<String> headings = new LinkedHashSet<>(), assumptions = new LinkedHashSet<>();
        for (long length : lengths) {
            // Where no pattern is set, each length has its own.
            PlanConfig config = configuration.read(PlanConfig.defaults(named, length));
            Planner planner = new Planner(config);
            for (int count : ranks) {
                predictions.add(
                        step.forwardOnly
                                ? planner.forward(length, count)
                                : planner.training(length, count, step.activations));
            }
            List<String> rests = Assumptions.of(config, step.forwardOnly);
            Map<String, String> keys = new LinkedHashMap<>();
            Key.of(config).forEach(key -> keys.put(key.path(), key.value()));
            bases.add(new Basis(true, length, keys, rests));
            headings.add(describe(config.model()));
            assumptions.addAll(rests);
        }
        predictions.forEach(output::json);
        bases.forEach(output::json);
        if (!output.json()) {
            output.say(PREDICTED);
            headings.forEach(heading -> output.say("%s", heading));
            output.say(table(predictions));
            output.say("What they rest on:");
            assumptions.forEach(assumption -> output.say("- %s", assumption));
        }
        return 0;
    }

    private Table table(List<Prediction> predictions) {
        Table table = new Table(
                "length",
                "GPUs",
                "tokens a GPU",
                step.forwardOnly ? "forward" : "step",
                "tokens/s",
                "waiting for links",
                "activations",
                "GPU memory",
                "host memory a GPU",
                "fits");
        for (Prediction p : predictions) {
            table.row(
                    Sizes.format(p.length()),
                    p.ranks(),
                    Sizes.format(p.tokensPerRank()),
                    time(p.seconds()),
                    Human.count(p.tokensPerSecond()),
                    String.format(Locale.ROOT, "%.2f %%", 100 * p.waiting()),
                    p.activations() == null ? "-" : p.activations().name().toLowerCase(Locale.ROOT),
                    Human.bytes(p.gpuBytes()),
                    p.hostBytes() == 0 ? "-" : Human.bytes(p.hostBytes()),
                    p.fits() ? "yes" : "no");
        }
        return table;
    }

    private static String time(double seconds) {
        if (seconds < 1) {
            return String.format(Locale.ROOT, "%.1f ms", 1e3 * seconds);
        }
        return seconds < 60
                ? String.format(Locale.ROOT, "%.1f s", seconds)
                : Human.time(Duration.ofSeconds(Math.round(seconds)));
    }

    private String describe(LongNetConfig model) {
        return String.format(
                Locale.ROOT,
                "%s of %d × %d (%s parameters), pattern %s, %s",
                step.forwardOnly ? "forward pass" : "training step",
                model.layers(),
                model.embedding(),
                Human.count(model.parameterCount()),
                model.pattern(),
                model.causal() ? "causal" : "bidirectional");
    }
}
