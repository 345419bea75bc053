package dev.longnet.app;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.ranks.Mesh;
import dev.longnet.train.RunConfig;
import dev.longnet.train.RunFolder;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code longnet train}: trains a decoder on text and saves it to a run folder. */
@Command(
        name = "train",
        description = "Trains a LongNet language model on text; Ctrl-C saves, --resume goes on to the same numbers.")
final class TrainCommand implements Callable<Integer> {
    @Option(
            names = "--data",
            arity = "1..*",
            paramLabel = "SOURCE",
            description = "Folders, zip or jar files, files, globs or .jsonl files; sets data.sources.")
    private List<String> data = List.of();

    @Option(
            names = "--out",
            required = true,
            paramLabel = "FOLDER",
            description = "Where the run keeps its configuration, metrics and checkpoints, such as runs/x.")
    private Path out;

    @Option(names = "--resume", description = "Goes on from the newest checkpoint in --out.")
    private boolean resume;

    @Mixin
    private RankOptions ranks;

    @Mixin
    private ConfigOptions configuration;

    @Mixin
    private OutputOptions options;

    /** The last line of JSON. */
    private record End(String run, int step, boolean complete) {}

    @Override
    public Integer call() {
        RunFolder run = new RunFolder(out);
        RunConfig saved = resume ? run.readConfig() : null;
        RunConfig config = configuration.read(resume ? saved : RunConfig.defaults());
        if (!data.isEmpty()) {
            // Whole paths: the run is resumed and measured from other folders too.
            List<String> sources = data.stream()
                    .map(source -> new File(source).getAbsolutePath())
                    .toList();
            config = config.withData(config.data().withSources(sources));
        }
        if (config.data().sources().isEmpty()) {
            throw new InvalidArgumentException(
                    "no text to train on; give --data FOLDER, a jar or zip, a file, a glob or a .jsonl file");
        }
        RunConfig wanted = config;
        return ranks.run(config.train().device(), mesh -> train(run, saved, wanted, mesh));
    }

    private int train(RunFolder run, RunConfig before, RunConfig config, Mesh mesh) {
        if (mesh.first() && !resume && Files.exists(run.config())) {
            throw new LongNetException(
                    "%s already holds a run; go on with --resume, or choose another --out, or delete it", out);
        }
        Output output = mesh.first() ? options.output() : Output.NONE;
        TrainingRun training = new TrainingRun(run, config, "longnet train --out " + out + " --resume", output, mesh);
        if (resume) {
            training.requireSame(before);
        }
        // The first rank's checkpoints decide: the others may be on machines that have none.
        long saved = mesh.world().allGather(resume && mesh.first() ? run.savedSteps() : 0)[0][0];
        boolean already = resume && saved >= config.train().steps();
        int steps = already ? (int) saved : training.train(resume);
        boolean complete = steps >= config.train().steps();
        if (already) {
            output.say(
                    "%s is at its last step, %d, already; train it longer with --resume --set train.steps=%d",
                    out, steps, 2L * steps);
        } else if (complete) {
            output.say(
                    "trained %d steps; next: longnet eval --model %s, longnet generate --model %2$s --prompt …, longnet"
                            + " report %2$s",
                    steps, out);
        }
        output.json(new End(out.toString(), steps, complete));
        return complete ? 0 : Failures.FAILED; // another rank was told to stop
    }
}
