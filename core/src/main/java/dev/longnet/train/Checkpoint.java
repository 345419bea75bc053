package dev.longnet.train;

import static dev.longnet.Checks.requireArgument;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Windows;
import dev.longnet.io.AtomicFiles;
import dev.longnet.io.FileErrors;
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
import org.bytedeco.pytorch.Device;
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
     * @param text what was trained on; null in a checkpoint of a version that did not keep it
     */
    record State(int step, long tokens, double seconds, Windows.State data, Text text) {
        State {
            requireArgument(
                    step >= 0 && tokens >= 0 && seconds >= 0 && data != null,
                    "a run cannot stand at step %d, %d tokens, %s seconds and %s",
                    step,
                    tokens,
                    seconds,
                    data);
        }
    }

    /** The text that a position in the data is a position in. */
    record Text(long tokens, int checksum) {
        static Text of(TokenFile file) {
            return new Text(file.tokens(), file.checksum());
        }

        /** Requires that a run which was trained on this goes on with the same. */
        void requireSame(Text now, RunFolder run) {
            if (!equals(now)) {
                throw new LongNetException(
                        "the text is not the one that %s was trained on (%s); put the old text back, or start a new"
                                + " run with another --out",
                        run.path(),
                        tokens == now.tokens
                                ? "as many tokens, but other ones"
                                : tokens + " tokens then, " + now.tokens + " now");
            }
        }
    }

    static void save(RunFolder run, LongNetDecoder model, AdamW optimizer, State state, int keep) {
        Path target = run.checkpoint(state.step()), partial = partial(target);
        try (Scope scope = new Scope()) {
            for (Path rest : run.partialCheckpoints()) {
                delete(rest);
            }
            Files.createDirectories(partial);
            Weights.save(
                    model,
                    partial.resolve("model.safetensors"),
                    Map.of("format", "pt", "step", Integer.toString(state.step())));
            Map<String, Tensor> tensors = new LinkedHashMap<>(optimizer.state());
            tensors.put(RANDOM, Compute.randomState(model.device()));
            TensorFile.save(partial.resolve("optimizer.safetensors"), Map.of(), tensors);
            AtomicFiles.writeString(partial.resolve("state.json"), JSON.writeValueAsString(state));
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
            List<Path> all = run.completeCheckpoints();
            for (Path old : all.subList(0, Math.max(0, all.size() - keep))) {
                remove(old);
            }
        } catch (IOException e) {
            throw new LongNetException(
                    e,
                    "the checkpoint %s cannot be written (%s); free space or choose another --out, earlier checkpoints"
                            + " are intact",
                    target,
                    FileErrors.reason(e));
        }
    }

    static State load(Path folder, LongNetDecoder model, AdamW optimizer) {
        Path optimizerFile = folder.resolve("optimizer.safetensors");
        try (Scope scope = new Scope()) {
            State state = readState(folder.resolve("state.json"));
            Weights.load(model, folder.resolve("model.safetensors"));
            Map<String, Tensor> tensors = TensorFile.load(optimizerFile);
            optimizer.restore(tensors, optimizerFile.toString());
            restoreRandom(tensors.get(RANDOM), model.device(), optimizerFile);
            return state;
        } catch (LongNetException e) {
            throw new LongNetException(e, "%s; to go on from before it, delete %s", e.getMessage(), folder);
        }
    }

    private static State readState(Path file) {
        try {
            State state = JSON.readValue(Files.readString(file), State.class);
            if (state != null) {
                return state;
            }
            throw new LongNetException("%s is damaged: it is empty", file);
        } catch (JsonProcessingException e) {
            throw new LongNetException(e, "%s is damaged: it does not say where a run stands", file);
        } catch (IOException e) {
            throw FileErrors.reading(file, e);
        }
    }

    /** Another kind of device has another generator; there the random numbers begin anew. */
    private static void restoreRandom(Tensor saved, Device device, Path file) {
        if (saved == null) {
            throw new LongNetException("%s is damaged: it has no %s", file, RANDOM);
        }
        if (saved.numel() == Compute.randomState(device).numel()) {
            Compute.randomState(saved, device);
        }
    }

    /** Removes a folder so that a part of it is never taken for a checkpoint. */
    private static void remove(Path folder) throws IOException {
        if (Files.exists(folder)) {
            Path partial = partial(folder);
            delete(partial);
            Files.move(folder, partial, StandardCopyOption.ATOMIC_MOVE);
            delete(partial);
        }
    }

    private static Path partial(Path folder) {
        return folder.resolveSibling(folder.getFileName() + ".partial");
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
