package dev.longnet.train;

import static dev.longnet.Checks.requireArgument;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Windows;
import dev.longnet.io.AtomicFiles;
import dev.longnet.io.FileErrors;
import dev.longnet.model.Weights;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * All that a run needs to go on as if it had never stopped: weights, optimizer state, position in the data, random
 * state. A checkpoint is written into a folder beside its place and renamed when it is whole.
 */
final class Checkpoint {
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

        /** The state as numbers. */
        long[] numbers() {
            return new long[] {
                step,
                tokens,
                Double.doubleToLongBits(seconds),
                data.epoch(),
                data.position(),
                text == null ? 0 : 1,
                text == null ? 0 : text.tokens,
                text == null ? 0 : text.checksum
            };
        }

        /** The state that has these {@link #numbers}. */
        static State of(long[] n) {
            Text text = n[5] == 0 ? null : new Text(n[6], (int) n[7]);
            return new State((int) n[0], n[1], Double.longBitsToDouble(n[2]), new Windows.State(n[3], n[4]), text);
        }
    }

    /**
     * What a checkpoint holds beside the weights.
     *
     * @param tensors state of the optimizer and of random numbers, on the host
     */
    record Saved(State state, Map<String, Tensor> tensors) {}

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

    /** Saves a run; all ranks call it and the first one writes. */
    static void save(RunFolder run, SharedState shared, State state, int keep) {
        Path target = run.checkpoint(state.step()), partial = partial(target);
        try (Scope scope = new Scope()) {
            Map<String, Tensor> tensors = shared.tensors();
            if (shared.world().rank() > 0) {
                return;
            }
            for (Path rest : run.partialCheckpoints()) {
                delete(rest);
            }
            Files.createDirectories(partial);
            Weights.save(
                    shared.model(),
                    partial.resolve("model.safetensors"),
                    Map.of("format", "pt", "step", Integer.toString(state.step())));
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

    /** Fills the model with saved weights and reads the rest. */
    static Saved load(Path folder, SharedState shared) {
        Path optimizerFile = folder.resolve("optimizer.safetensors");
        try (Scope scope = new Scope()) {
            State state = readState(folder.resolve("state.json"));
            Weights.load(shared.model(), folder.resolve("model.safetensors"));
            Map<String, Tensor> tensors = TensorFile.load(optimizerFile);
            shared.requireFit(tensors, optimizerFile.toString());
            tensors.values().forEach(scope::keep);
            return new Saved(state, tensors);
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
