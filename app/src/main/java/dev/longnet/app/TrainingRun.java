package dev.longnet.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import dev.longnet.config.Configs;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Tokenizer;
import dev.longnet.io.AtomicFiles;
import dev.longnet.model.LongNetConfig;
import dev.longnet.train.RunConfig;
import dev.longnet.train.RunFolder;
import dev.longnet.train.TrainListener;
import dev.longnet.train.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A training run as people see it: text read, progress shown, saved when interrupted. */
final class TrainingRun {
    private final RunFolder run;
    private final RunConfig config;
    private final Output output;

    /** @param given the configuration; a vocabulary of 0 becomes the tokenizer's */
    TrainingRun(RunFolder run, RunConfig given, Output output) {
        this.run = run;
        this.output = output;
        int vocabulary = Tokenizer.of(given.data().tokenizer()).vocabulary();
        LongNetConfig model = given.model();
        if (model.vocabulary() == 0) {
            model = model.withVocabulary(vocabulary);
        } else if (model.vocabulary() < vocabulary) {
            throw new IllegalArgumentException(String.format(
                    "model.vocabulary %d is too small for tokenizer %s, which has %d tokens; leave it at 0",
                    model.vocabulary(), given.data().tokenizer(), vocabulary));
        }
        this.config = given.withModel(model);
    }

    RunConfig config() {
        return config;
    }

    /**
     * Trains until the last step or an interruption.
     *
     * @param saved configuration of the run that goes on, or null for a new one
     * @return steps done
     */
    int train(RunConfig saved) {
        if (saved != null) {
            requireSame("model", saved.model(), config.model());
            requireSame("data", saved.data(), config.data());
        }
        try (TokenFile train = tokens(Split.TRAIN);
                TokenFile heldOut = config.data().heldOut() > 0 ? tokens(Split.HELD_OUT) : null) {
            output.note(
                    "%s of text: %s tokens to train on, %s held out",
                    config.data().sources().size() == 1
                            ? config.data().sources().get(0)
                            : config.data().sources().size() + " sources",
                    Human.count(train.tokens()),
                    heldOut == null ? "none" : Human.count(heldOut.tokens()));
            createFolder();
            AtomicFiles.writeString(run.config(), Configs.toYaml(config));
            AtomicFiles.writeString(run.runInfo(), info(train, heldOut));
            return watched(train, heldOut, saved != null);
        }
    }

    private TokenFile tokens(Split split) {
        return Tokens.open(config.data(), split, output);
    }

    /** Runs the trainer; an interruption (Ctrl-C) waits for the step to end and the checkpoint to be written. */
    private int watched(TokenFile train, TokenFile heldOut, boolean resume) {
        int steps = config.train().steps();
        try (ProgressBar bar = output.progress("train", 0, steps)) {
            TrainListener listener = new TrainListener() {
                private long before = -1;

                @Override
                public void step(Report report) {
                    if (before < 0) {
                        before = report.tokens() - config.train().tokensPerStep();
                    }
                    bar.update(report.step(), report.tokens() - before, report.loss());
                    if (report.step() % config.train().logEvery() == 0 || report.step() == report.steps()) {
                        output.json(report);
                    }
                }

                @Override
                public void heldOut(int step, double loss) {
                    output.note("step %d: held-out loss %.4f", step, loss);
                    output.json(Map.of("step", step, "heldOutLoss", loss));
                }
            };
            Trainer trainer = new Trainer(config, run, train, heldOut, listener);
            CountDownLatch finished = new CountDownLatch(1);
            Thread onInterrupt = new Thread(() -> {
                trainer.stop();
                output.note("stopping after this step and saving ...");
                try {
                    finished.await(10, TimeUnit.MINUTES);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            Runtime.getRuntime().addShutdownHook(onInterrupt);
            try {
                return trainer.run(resume);
            } finally {
                finished.countDown();
                try {
                    Runtime.getRuntime().removeShutdownHook(onInterrupt);
                } catch (IllegalStateException e) {
                    // The JVM is already going down: say how to go on, nobody after us can.
                    output.note("saved; go on with: longnet train --out %s --resume", run.path());
                }
            }
        }
    }

    private void createFolder() {
        try {
            Files.createDirectories(run.path());
        } catch (IOException e) {
            throw new LongNetException(e, "%s cannot be made: %s; choose another --out", run.path(), e.getMessage());
        }
    }

    private String info(TokenFile train, TokenFile heldOut) {
        Map<String, Object> info = new LinkedHashMap<>();
        info.put("name", run.path().getFileName().toString());
        info.put("version", Version.text());
        info.put("started", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        info.put("parameters", ModelSize.parameters(config.model()));
        info.put("tokenizer", config.data().tokenizer());
        info.put("trainingTokens", train.tokens());
        info.put("heldOutTokens", heldOut == null ? 0 : heldOut.tokens());
        info.put("seed", config.train().seed());
        info.put("device", config.train().device());
        info.put("cores", Runtime.getRuntime().availableProcessors());
        info.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        info.put("jdk", Runtime.version().toString());
        info.put(
                "libtorch",
                "org.bytedeco:pytorch "
                        + org.bytedeco.pytorch.global.torch.class.getPackage().getImplementationVersion());
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(info);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void requireSame(String what, Record saved, Record now) {
        if (saved.equals(now)) {
            return;
        }
        for (var component : saved.getClass().getRecordComponents()) {
            try {
                Object before = component.getAccessor().invoke(saved),
                        after = component.getAccessor().invoke(now);
                if (!java.util.Objects.equals(before, after)) {
                    throw new IllegalArgumentException(String.format(
                            "%s.%s was %s when the run was started and is %s now; a run goes on with the same %1$s, or"
                                    + " start a new one with another --out",
                            what, component.getName(), before, after));
                }
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
