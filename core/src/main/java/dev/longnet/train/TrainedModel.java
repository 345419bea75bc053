package dev.longnet.train;

import dev.longnet.LongNetException;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.data.Tokenizer;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.model.Weights;
import dev.longnet.tensor.Compute;
import java.nio.file.Path;
import org.bytedeco.pytorch.Device;

/**
 * A decoder with the weights of a run's newest checkpoint, ready to read text; it belongs to the scope it was loaded in.
 *
 * @param config the run's configuration
 * @param execution how to compute with it: the run's precision, no dropout
 */
public record TrainedModel(RunConfig config, LongNetDecoder model, Tokenizer tokenizer, Execution execution) {
    /**
     * Loads a run.
     *
     * @param run the run's folder
     * @param device auto, cpu, cuda, cuda:INDEX or mps
     * @param threads of the CPU, 0 for one a core
     */
    public static TrainedModel load(Path run, String device, int threads) {
        RunFolder folder = new RunFolder(run);
        RunConfig config = folder.readConfig();
        Path checkpoint = folder.latestCheckpoint();
        Tokenizer tokenizer = Tokenizer.of(config.data().tokenizer());
        if (tokenizer.vocabulary() > config.model().vocabulary()) {
            throw new LongNetException(
                    "%s does not belong to its checkpoints: tokenizer %s has %d tokens but the model %d; restore the"
                            + " file that the run was made with",
                    folder.config(),
                    tokenizer.name(),
                    tokenizer.vocabulary(),
                    config.model().vocabulary());
        }
        Device place = Compute.device(device);
        Compute.threads(threads);
        LongNetDecoder model = new LongNetDecoder(config.model());
        Weights.load(model, checkpoint.resolve("model.safetensors"));
        model.to(place, false);
        Execution execution = Execution.PLAIN
                .withKernel(AttentionKernel.of(config.train().kernel()))
                .withNumbers(Execution.Numbers.of(config.train().bfloat16(place), place));
        return new TrainedModel(config, model, tokenizer, execution);
    }
}
