package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.data.DataConfig;
import dev.longnet.eval.ContextEvaluation.Plan;
import dev.longnet.tensor.Scope;
import dev.longnet.train.RunFolder;
import dev.longnet.train.TrainedModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet eval}: what context is worth to a trained model. */
@Command(
        name = "eval",
        description = "Measures perplexity on the same tokens given ever longer context, and loss by position.")
final class EvalCommand implements Callable<Integer> {
    @Option(
            names = "--model",
            required = true,
            arity = "1..*",
            paramLabel = "RUN",
            description = "Run folders, such as runs/x; several of one tokenizer are compared on the same text.")
    private List<Path> models;

    @Option(
            names = "--data",
            arity = "1..*",
            paramLabel = "SOURCE",
            description = "Text to measure on (default: what the first run held out).")
    private List<String> data = List.of();

    @Option(
            names = "--context",
            split = ",",
            paramLabel = "N",
            defaultValue = "512,1k,2k,4k,8k",
            description =
                    "Most tokens of context, suffix included; samples have half to all (default ${DEFAULT-VALUE}).")
    private List<Integer> contexts;

    @Option(
            names = "--suffix",
            paramLabel = "N",
            defaultValue = "256",
            description = "Tokens predicted at the end of each sample (default ${DEFAULT-VALUE}).")
    private int suffix;

    @Option(
            names = "--samples",
            paramLabel = "N",
            defaultValue = "16",
            description = "Places in the text to measure at (default ${DEFAULT-VALUE}).")
    private int samples;

    @Option(
            names = "--save",
            description =
                    "Keeps the result as eval.json in the first run's folder, over an earlier one; report shows it.")
    private boolean save;

    @Mixin
    private DeviceOptions device;

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() {
        Output output = options.output();
        Plan plan = new Plan(contexts, suffix, samples);
        DataConfig text = text();
        List<ContextReport.Model> results = new ArrayList<>();
        for (Path path : models) {
            try (Scope scope = new Scope()) {
                TrainedModel trained = TrainedModel.load(path, device.name(), device.threads());
                results.add(ContextReport.Model.measure(path, trained, text, plan, output));
            }
        }
        ContextReport report = new ContextReport(String.join(" ", text.sources()), results);
        report.show(output);
        if (save) {
            report.write(new RunFolder(models.get(0)).evaluation());
        }
        return 0;
    }

    /** One text for all models, which they read as the same tokens. */
    private DataConfig text() {
        DataConfig first = new RunFolder(models.get(0)).readConfig().data();
        for (Path other : models) {
            String tokenizer = new RunFolder(other).readConfig().data().tokenizer();
            requireArgument(
                    tokenizer.equals(first.tokenizer()),
                    "%s reads text with tokenizer %s and %s with %s, so their perplexities are of different tokens;"
                            + " measure each by itself and compare bits per byte",
                    models.get(0),
                    first.tokenizer(),
                    other,
                    tokenizer);
        }
        return data.isEmpty() ? first : first.withSources(data).withHeldOut(1);
    }
}
