package dev.longnet.recall;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.config.Configs;
import dev.longnet.io.AtomicFiles;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.model.Weights;
import dev.longnet.ranks.Interruption;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.train.TrainConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;

/**
 * One recall benchmark in a folder: {@code config.yaml} and for each kind of attention the weights after every stage, {@code
 * dilated-stage-1.safetensors}, …, so that a second call goes on after the last stage that was done.
 */
public final class RecallRun {
    private final Path folder;
    private final RecallConfig config;
    private final String device;
    private final String kernel;
    private final int window;

    /**
     * @param config what to do; must be the one that the folder holds, if it holds one
     * @param device name of a device, or auto
     * @param kernel attention kernel by name, of the dilated pattern
     * @param window tokens of the sliding window to compare with
     */
    public RecallRun(Path folder, RecallConfig config, String device, String kernel, int window) {
        this.folder = folder;
        this.config = config;
        this.device = device;
        this.kernel = kernel;
        this.window = window;
        AttentionKernel.of(kernel);
        requireArgument(window > 0, "a window has at least one token, got %d", window);
        Path file = folder.resolve("config.yaml");
        if (Files.exists(file)) {
            requireArgument(
                    Configs.read(RecallConfig.class, file).equals(config),
                    "%s holds a benchmark of another configuration; leave --config and --set out, or choose another --out",
                    folder);
        } else {
            try {
                Files.createDirectories(folder);
            } catch (IOException e) {
                throw new LongNetException(e, "%s cannot be made: %s", folder, e.getMessage());
            }
            AtomicFiles.writeString(file, Configs.toYaml(config));
        }
    }

    /** The configuration that a folder holds, or the one given where it holds none. */
    public static RecallConfig configOf(Path folder, RecallConfig otherwise) {
        Path file = folder.resolve("config.yaml");
        return Files.exists(file) ? Configs.read(RecallConfig.class, file) : otherwise;
    }

    /** Number of stages that were done before. */
    public int stagesDone(boolean windowed) {
        int done = config.train().inOrder().size();
        while (done > 0 && !Files.exists(weights(windowed, done))) {
            done--;
        }
        return done;
    }

    /**
     * Trains what is left of the stages. An interruption, or the end of the time, ends it after a step and what the model
     * has learned is kept; the next call begins that stage again with it.
     *
     * @param seconds to train at most
     * @return whether all stages are done
     */
    public boolean train(boolean windowed, double seconds, RecallTrainer.Listener listener) {
        Compute.seed(config.train().seed());
        try (Scope scope = new Scope()) {
            LongNetDecoder model = model(windowed);
            RecallTrainer trainer =
                    new RecallTrainer(config, model, execution(model.device(), windowed), new RecallTrainer.Listener() {
                        @Override
                        public void step(RecallTrainer.Report report) {
                            listener.step(report);
                        }

                        @Override
                        public void stageDone(int stages) {
                            Weights.save(model, weights(windowed, stages), Map.of("format", "pt"));
                            remove(partial(windowed));
                            listener.stageDone(stages);
                        }
                    });
            try (Interruption interruption = new Interruption(trainer::stop)) {
                boolean done = trainer.run(stagesDone(windowed), seconds);
                if (!done) {
                    Weights.save(model, partial(windowed), Map.of("format", "pt"));
                }
                return done;
            }
        }
    }

    /** Asks the trained model; see {@link RecallEvaluation}. */
    public List<RecallResult> evaluate(
            boolean windowed, int[] distances, int samples, RecallEvaluation.Listener listener) {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = model(windowed);
            return new RecallEvaluation(config, model, execution(model.device(), windowed), windowed ? window : 0)
                    .measure(distances, samples, config.train().seed() + 7_919, listener);
        }
    }

    private Path weights(boolean windowed, int stages) {
        return folder.resolve((windowed ? "window" : "dilated") + "-stage-" + stages + ".safetensors");
    }

    /** Where the weights are kept of a stage that was ended early. */
    private Path partial(boolean windowed) {
        return folder.resolve((windowed ? "window" : "dilated") + "-partial.safetensors");
    }

    private static void remove(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new LongNetException(e, "%s cannot be removed: %s", file, e.getMessage());
        }
    }

    /** With the weights that were kept last. */
    private LongNetDecoder model(boolean windowed) {
        LongNetDecoder model = new LongNetDecoder(config.model());
        int done = stagesDone(windowed);
        Path saved = Files.exists(partial(windowed)) ? partial(windowed) : weights(windowed, done);
        if (Files.exists(saved)) {
            Weights.load(model, saved);
        }
        model.to(Compute.device(device), false);
        return model;
    }

    private Execution execution(Device place, boolean windowed) {
        boolean bfloat16 = TrainConfig.bfloat16(config.train().precision(), place);
        return Execution.PLAIN
                .withKernel(windowed ? AttentionKernel.slidingWindow(window) : AttentionKernel.of(kernel))
                .withNumbers(Execution.Numbers.of(bfloat16, place))
                .withTokensChecked();
    }
}
