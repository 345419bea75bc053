package dev.longnet.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import dev.longnet.app.report.Report;
import dev.longnet.config.Configs;
import dev.longnet.eval.ContextEvaluation.Plan;
import dev.longnet.generate.Sampling;
import dev.longnet.io.AtomicFiles;
import dev.longnet.tensor.Scope;
import dev.longnet.train.RunConfig;
import dev.longnet.train.RunFolder;
import dev.longnet.train.TrainedModel;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet quickstart}: from nothing to a trained model and a page about it. */
@Command(
        name = "quickstart",
        description =
                "Trains a small LongNet on real Java code, shows what context is worth beside a dense model, generates.")
final class QuickstartCommand implements Callable<Integer> {
    /** How far the dense model sees; LongNet sees eight times as far. */
    private static final int DENSE_LENGTH = 1024;

    private static final int LENGTH = 8 * DENSE_LENGTH;

    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            defaultValue = "runs/quickstart",
            description = "Run folder (default ${DEFAULT-VALUE}).")
    private Path out;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "200",
            description = "Training steps of 8k tokens for each of the two models (default ${DEFAULT-VALUE}).")
    private int steps;

    @Option(
            names = "--samples",
            paramLabel = "N",
            defaultValue = "8",
            description = "Held-out places at which context is measured (default ${DEFAULT-VALUE}).")
    private int samples;

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() {
        Output output = options.output();
        RunFolder longNet = new RunFolder(out), dense = new RunFolder(out.resolve("dense"));
        output.say("1/4  LongNet, context %d", LENGTH);
        RunConfig config = longNetConfig();
        if (!train(longNet, config, output)) {
            return 0;
        }
        output.say("2/4  the same model with dense attention, context %d, on the same tokens", DENSE_LENGTH);
        if (!train(dense, denseConfig(config), output)) {
            return 0;
        }
        output.say("3/4  what context is worth: the same held-out tokens, ever more text before them");
        compare(longNet, dense, output);
        output.say("4/4  a sample");
        sample(longNet, output);
        Path page = Report.write(out);
        output.json(Map.of("report", page.toString()));
        output.say("");
        output.say("The page: %s", page);
        output.say("Next:  longnet generate --model %s --prompt \"public final class \"", out);
        output.say("       longnet train --data YOUR-CODE --out runs/mine --set train.length=16k");
        output.say("       longnet eval --model runs/mine --context 1k,4k,16k --save");
        return 0;
    }

    private RunConfig longNetConfig() {
        RunConfig base = Configs.with(
                RunConfig.defaults(),
                "model.embedding=128",
                "model.heads=4",
                "model.keyValueHeads=4",
                "model.feedForward=512",
                "model.pattern=" + DENSE_LENGTH + ":1," + LENGTH + ":8",
                "train.steps=" + steps,
                "train.length=" + LENGTH,
                "train.learningRate=4e-3",
                "train.minLearningRate=4e-4",
                "train.warmup=20",
                "train.evalEvery=0",
                "train.evalTokens=64k",
                "train.checkpointEvery=50",
                "train.logEvery=2",
                "train.precision=" + (Cpu.read(Path.of("/proc/cpuinfo")).bfloat16() ? "bfloat16" : "auto"));
        return base.withData(base.data().withSources(text()));
    }

    /** The same tokens in the same order, seen in blocks: one branch of ratio 1 is dense attention within its segment. */
    private static RunConfig denseConfig(RunConfig longNet) {
        return Configs.with(longNet, "model.pattern=" + DENSE_LENGTH + ":1");
    }

    /** Trains, going on where an earlier quickstart stopped; false if it was interrupted. */
    private boolean train(RunFolder run, RunConfig config, Output output) {
        boolean resume = Files.exists(run.config()) && run.hasCheckpoint();
        TrainingRun training = new TrainingRun(run, config, again(), output);
        if (resume) {
            training.requireSame(run.readConfig());
        }
        return training.train(resume) >= steps;
    }

    private String again() {
        return "longnet quickstart --out " + out + " --steps " + steps;
    }

    private void compare(RunFolder longNet, RunFolder dense, Output output) {
        Plan plan = new Plan(List.of(512, 1024, 2048, 4096, LENGTH, 2 * LENGTH, 4 * LENGTH), 256, samples);
        try (Scope scope = new Scope()) {
            ContextReport report = new ContextReport(
                    "held-out files",
                    List.of(
                            measure(longNet, "LongNet " + LENGTH, plan, output),
                            measure(dense, "dense " + DENSE_LENGTH, plan, output)));
            report.show(output);
            output.say(
                    "A few minutes teach a model to spell, and near text tells it most; what far text is worth shows");
            output.say("after longer training. Past its segments a model sees the text in blocks.");
            report.write(longNet.evaluation());
        }
    }

    private static ContextReport.Model measure(RunFolder run, String name, Plan plan, Output output) {
        TrainedModel trained = TrainedModel.load(run.path(), "auto", 0);
        return ContextReport.Model.measure(run.path(), trained, trained.config().data(), plan, output)
                .named(name);
    }

    private static void sample(RunFolder run, Output output) {
        String prompt = "/**\n * Returns the larger of two numbers.\n */\npublic static int max(";
        try (Scope scope = new Scope()) {
            TrainedModel trained = TrainedModel.load(run.path(), "auto", 0);
            Sampling sampling = new Sampling(0.6, 0.95);
            Continuation continuation =
                    Continuation.of(trained, null, prompt.getBytes(StandardCharsets.UTF_8), 300, sampling, 1, output);
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("prompt", prompt);
            json.put("completion", continuation.text());
            json.put("settings", "temperature 0.6, top-p 0.95, seed 1");
            AtomicFiles.writeString(run.sample(), new ObjectMapper().writeValueAsString(json));
            output.json(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The source jars that the build laid beside this program's own jar. */
    private static List<String> text() {
        try {
            Path program = Path.of(QuickstartCommand.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            Path folder = program.resolveSibling("text");
            try (Stream<Path> jars = Files.list(folder)) {
                List<String> sources = jars.filter(jar -> jar.toString().endsWith(".jar"))
                        .map(Path::toString)
                        .sorted()
                        .toList();
                if (!sources.isEmpty()) {
                    return sources;
                }
            }
            throw new IOException("it holds no jar");
        } catch (IOException | URISyntaxException e) {
            throw new LongNetException(
                    e,
                    "the text to train on is not beside the program (app/target/text); build it with \"mvn package\"");
        }
    }
}
