package dev.longnet.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import dev.longnet.data.Windows;
import dev.longnet.io.AtomicFiles;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.model.Weights;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * All that a run needs to go on as if it had never stopped: weights, optimizer state, position in the data, random
 * state. A checkpoint is written into a folder beside its place and renamed when it is whole.
 */
final class Checkpoint {
    private static final String RANDOM = "random_state";
    private static final ObjectMapper JSON = new ObjectMapper();

    private Checkpoint() {}

    /**
     * Where a run stands.
     *
     * @param step optimizer steps done
     * @param tokens tokens trained on
     * @param seconds time spent training
     * @param data position in the order of the data
     */
    record State(int step, long tokens, double seconds, Windows.State data) {}

    static void save(RunFolder run, LongNetDecoder model, AdamW optimizer, State state, int keep) {
        Path target = run.checkpoint(state.step()), partial = target.resolveSibling(target.getFileName() + ".partial");
        try (Scope scope = new Scope()) {
            delete(partial);
            Files.createDirectories(partial);
            Weights.save(
                    model,
                    partial.resolve("model.safetensors"),
                    Map.of("format", "pt", "step", Integer.toString(state.step())));
            Map<String, Tensor> tensors = new LinkedHashMap<>(optimizer.state());
            tensors.put(RANDOM, Compute.randomState());
            TensorFile.save(partial.resolve("optimizer.safetensors"), Map.of(), tensors);
            AtomicFiles.writeString(partial.resolve("state.json"), JSON.writeValueAsString(state));
            delete(target);
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
            List<Path> all = run.completeCheckpoints();
            for (Path old : all.subList(0, Math.max(0, all.size() - keep))) {
                delete(old);
            }
        } catch (IOException e) {
            throw new LongNetException(
                    e,
                    "the checkpoint %s cannot be written (%s); free space or choose another --out, earlier checkpoints"
                            + " are intact",
                    target,
                    e.getMessage());
        }
    }

    static State load(Path folder, LongNetDecoder model, AdamW optimizer) {
        try (Scope scope = new Scope()) {
            State state = JSON.readValue(folder.resolve("state.json").toFile(), State.class);
            Weights.load(model, folder.resolve("model.safetensors"));
            Path file = folder.resolve("optimizer.safetensors");
            Map<String, Tensor> tensors = TensorFile.load(file);
            optimizer.restore(tensors, file.toString());
            Compute.randomState(tensors.get(RANDOM));
            return state;
        } catch (IOException e) {
            throw new LongNetException(
                    e,
                    "the checkpoint %s is damaged (%s); delete that folder to go on from the one before",
                    folder,
                    e.getMessage());
        }
    }

    private static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> {
                try {
                    Files.delete(file);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
