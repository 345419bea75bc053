package dev.longnet.train;

import dev.longnet.LongNetException;
import dev.longnet.config.Configs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Where a run keeps what it makes.
 *
 * <pre>
 * config.yaml            its configuration, complete
 * run.json               what it ran on: code version, machine, libraries
 * metrics.jsonl          one line a report; also as TensorBoard events
 * checkpoints/step-00000100/{model.safetensors, optimizer.safetensors, state.json}
 * run.lock               empty; locked while a process trains here
 * eval.json  sample.json  report.html
 * </pre>
 */
public record RunFolder(Path path) {
    public Path config() {
        return path.resolve("config.yaml");
    }

    public Path runInfo() {
        return path.resolve("run.json");
    }

    public Path metrics() {
        return path.resolve("metrics.jsonl");
    }

    public Path evaluation() {
        return path.resolve("eval.json");
    }

    public Path sample() {
        return path.resolve("sample.json");
    }

    public Path report() {
        return path.resolve("report.html");
    }

    Path lock() {
        return path.resolve("run.lock");
    }

    Path checkpoints() {
        return path.resolve("checkpoints");
    }

    Path checkpoint(int step) {
        return checkpoints().resolve(String.format(Locale.ROOT, "step-%08d", step));
    }

    /** The complete checkpoints, oldest first. */
    List<Path> completeCheckpoints() {
        return checkpoints("step-\\d{8}|step-[1-9]\\d{8,}");
    }

    /** What was left when a checkpoint could not be written or removed to its end. */
    List<Path> partialCheckpoints() {
        return checkpoints("step-\\d+\\.partial");
    }

    private List<Path> checkpoints(String name) {
        if (!Files.isDirectory(checkpoints())) {
            return List.of();
        }
        try (Stream<Path> folders = Files.list(checkpoints())) {
            return folders.filter(f -> f.getFileName().toString().matches(name))
                    .sorted(Comparator.comparing((Path f) -> f.toString().length())
                            .thenComparing(Comparator.naturalOrder()))
                    .toList();
        } catch (IOException e) {
            throw new LongNetException(e, "%s cannot be read: %s", checkpoints(), e.getMessage());
        }
    }

    public boolean hasCheckpoint() {
        return !completeCheckpoints().isEmpty();
    }

    /** The newest complete checkpoint. */
    public Path latestCheckpoint() {
        List<Path> all = completeCheckpoints();
        if (all.isEmpty()) {
            throw new LongNetException(
                    Files.isDirectory(path)
                            ? "%s has no checkpoint yet; train it with \"longnet train --out %<s --data …\""
                            : "there is no run at %s; make one with \"longnet train --out %<s --data …\"",
                    path);
        }
        return all.get(all.size() - 1);
    }

    /** Steps of the newest complete checkpoint, 0 where there is none. */
    public int savedSteps() {
        return hasCheckpoint()
                ? Integer.parseInt(latestCheckpoint().getFileName().toString().substring("step-".length()))
                : 0;
    }

    /** The configuration that the run was started with. */
    public RunConfig readConfig() {
        if (!Files.exists(config())) {
            throw new LongNetException(
                    "there is no run at %s (no config.yaml); make one with \"longnet train --out %<s --data …\"", path);
        }
        try {
            return Configs.read(RunConfig.class, config());
        } catch (IllegalArgumentException e) {
            // Nothing that the caller wrote: the run's own file is damaged or was edited.
            throw new LongNetException(e, "%s", e.getMessage());
        }
    }
}
