package dev.longnet.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.config.Configs;
import dev.longnet.config.Key;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Tokenizer;
import dev.longnet.io.AtomicFiles;
import dev.longnet.model.LongNetConfig;
import dev.longnet.ranks.Interruption;
import dev.longnet.ranks.Mesh;
import dev.longnet.train.RunConfig;
import dev.longnet.train.RunFolder;
import dev.longnet.train.TrainListener;
import dev.longnet.train.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A training run as people see it: text read, progress shown, saved when interrupted. */
final class TrainingRun {
    private final RunFolder run;
    private final RunConfig config;
    private final String again;
    private final Output output;
    private final Mesh mesh;

    /** A run of this process alone. */
    TrainingRun(RunFolder run, RunConfig given, String again, Output output) {
        this(run, given, again, output, Mesh.ALONE);
    }

    /**
     * @param given the configuration; a vocabulary of 0 becomes the tokenizer's
     * @param again the command that goes on with the run once it was interrupted
     * @param output of the first rank; the others say nothing
     */
    TrainingRun(RunFolder run, RunConfig given, String again, Output output, Mesh mesh) {
        this.run = run;
        this.again = again;
        this.output = output;
        this.mesh = mesh;
        int vocabulary = Tokenizer.of(given.data().tokenizer()).vocabulary();
        LongNetConfig model = given.model();
        if (model.vocabulary() == 0) {
            model = model.withVocabulary(vocabulary);
        } else if (model.vocabulary() < vocabulary) {
            throw new InvalidArgumentException(
                    "model.vocabulary %d is too small for tokenizer %s, which has %d tokens; leave it at 0",
                    model.vocabulary(), given.data().tokenizer(), vocabulary);
        }
        this.config = given.withModel(model);
    }

    RunConfig config() {
        return config;
    }

    /**
     * Trains until the last step or an interruption.
     *
     * @param resume whether to go on from the newest checkpoint
     * @return steps done
     */
    int train(boolean resume) {
        if (Files.exists(run.path()) && !Files.isDirectory(run.path())) {
            throw new LongNetException("%s is a file and cannot hold a run; choose another --out", run.path());
        }
        // One rank of each machine reads the text; the others find its tokens in the cache.
        if (mesh.localRank() > 0) {
            mesh.world().barrier();
        }
        try (TokenFile train = tokens(Split.TRAIN);
                TokenFile heldOut = config.data().heldOut() > 0 ? tokens(Split.HELD_OUT) : null) {
            if (mesh.localRank() == 0) {
                mesh.world().barrier();
            }
            output.note(
                    "%s: %s tokens to train on, %s held out",
                    config.data().sources().size() == 1
                            ? config.data().sources().get(0)
                            : config.data().sources().size() + " sources",
                    Human.count(train.tokens()),
                    heldOut == null ? "none" : Human.count(heldOut.tokens()));
            String skipped = train.summary().describeSkipped();
            if (!skipped.isEmpty()) {
                output.note("left out: %s", skipped);
            }
            int done = resume && mesh.world().size() == 1 ? run.savedSteps() : 0;
            Forecast.ofTraining(config, Math.max(1, config.train().steps() - done), mesh, output);
            try (Display display = new Display(info(train, heldOut))) {
                return interruptible(new Trainer(config, run, train, heldOut, display, mesh), resume);
            }
        }
    }

    private TokenFile tokens(Split split) {
        return Tokens.open(config.data(), split, output);
    }

    /**
     * Runs the trainer; an interruption (Ctrl-C) waits for the step to end and the checkpoint to be written. What there
     * is to say then is said here, before the JVM goes down.
     */
    private int interruptible(Trainer trainer, boolean resume) {
        Runnable stop = () -> {
            trainer.stop();
            output.note("stopping after this step and saving ...");
        };
        try (Interruption interruption = new Interruption(stop)) {
            try {
                int steps = trainer.run(resume);
                if (steps < config.train().steps()) {
                    String why = interruption.came() ? "" : ", as another rank was told to stop";
                    output.say("stopped after step %d and saved%s; go on with: %s", steps, why, again);
                }
                return steps;
            } catch (LongNetException e) {
                if (interruption.came()) {
                    output.say("%s", e.getMessage());
                }
                throw e;
            }
        }
    }

    /** A line of JSON. */
    private record HeldOut(int step, double heldOutLoss) {}

    /** Writes what the run is once it can begin, and shows how it goes. */
    private final class Display implements TrainListener, AutoCloseable {
        private final Map<String, Object> info;
        private ProgressBar bar;
        private int first;

        Display(Map<String, Object> info) {
            this.info = info;
        }

        @Override
        public void started(int step) {
            AtomicFiles.writeString(run.config(), Configs.toYaml(config));
            if (step > 0) {
                keepStart(info);
            }
            AtomicFiles.writeString(run.runInfo(), json(info));
            first = step;
            bar = output.progress("train", step, config.train().steps());
        }

        @Override
        public void step(Report report) {
            bar.update(report.step(), (report.step() - first) * config.train().tokensPerStep(), report.loss());
            if (report.step() % config.train().logEvery() == 0 || report.step() == report.steps()) {
                output.json(report);
            }
        }

        @Override
        public void heldOut(int step, double loss) {
            output.note("step %d: held-out loss %.4f", step, loss);
            output.json(new HeldOut(step, loss));
        }

        @Override
        public void close() {
            if (bar != null) {
                bar.close();
            }
        }
    }

    private Map<String, Object> info(TokenFile train, TokenFile heldOut) {
        Map<String, Object> info = new LinkedHashMap<>();
        info.put("name", run.path().toAbsolutePath().normalize().getFileName().toString());
        info.put("version", Version.text());
        info.put("started", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        info.put("parameters", config.model().parameterCount());
        info.put("tokenizer", config.data().tokenizer());
        info.put("trainingTokens", train.tokens());
        info.put("heldOutTokens", heldOut == null ? 0 : heldOut.tokens());
        info.put("seed", config.train().seed());
        info.put("device", config.train().device());
        info.put("ranks", mesh.world().size());
        info.put("sequenceRanks", mesh.sequence().size());
        info.put("cores", Runtime.getRuntime().availableProcessors());
        info.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        info.put("jdk", Runtime.version().toString());
        info.put("libtorch", TorchProbe.version());
        return info;
    }

    /** A run that goes on keeps the time at which it began; the times at which it went on follow. */
    private void keepStart(Map<String, Object> info) {
        JsonNode before;
        try {
            before = new ObjectMapper().readTree(run.runInfo().toFile());
        } catch (IOException e) {
            return; // Missing or damaged: what is known is when the run went on.
        }
        if (before.path("started").isTextual()) {
            List<Object> resumed = new ArrayList<>();
            before.path("resumed").forEach(time -> resumed.add(time.asText()));
            resumed.add(info.put("started", before.get("started").asText()));
            info.put("resumed", resumed);
        }
    }

    private static String json(Map<String, Object> info) {
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(info);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What decides where in the data a run stands, beside the model and the data themselves. */
    private static final Set<String> FIXED = Set.of("train.length", "train.seed");

    /** The model and the data of a run stay what they were; how it is trained may change. */
    void requireSame(RunConfig saved) {
        List<Key> before = Key.of(saved), after = Key.of(config);
        for (int i = 0; i < before.size(); i++) {
            Key key = before.get(i);
            boolean fixed = !key.path().startsWith("train.") || FIXED.contains(key.path());
            if (fixed && !key.equals(after.get(i))) {
                throw new InvalidArgumentException(
                        "%s was %s when the run was started and is %s now; leave it as it was, or start a new run with"
                                + " another --out",
                        key.path(), key.value(), after.get(i).value());
            }
        }
    }
}
