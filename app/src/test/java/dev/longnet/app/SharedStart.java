package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Runs that begin with the same first step, which one rank has done: AdamW's first step would turn the last bits of a
 * gradient that is nearly zero into a whole step.
 */
final class SharedStart {
    private final Path folder;

    SharedStart(Path folder) throws IOException {
        this.folder = folder;
        Path text = Cli.write(folder), settings = folder.resolve("tiny.yaml");
        // Nothing divides 33 tokens but 3 and 11; both groups of ranks take a sequence each where there are two.
        Cli.ok(
                "train",
                "--data",
                text,
                "--out",
                folder.resolve("first"),
                "--config",
                settings,
                "--set",
                "train.steps=1",
                "--set",
                "train.batch=2",
                "--set",
                "train.schedule=constant",
                "--set",
                "train.checkpointEvery=0");
    }

    /** A run that stands after the first step. */
    Path run(String name) throws IOException {
        Path run = folder.resolve(name);
        Cli.copy(folder.resolve("first"), run);
        return run;
    }

    /** The arguments that take a run to a step. */
    static Object[] goOn(Path run, int steps, Object... more) {
        List<Object> arguments =
                new ArrayList<>(List.of("train", "--out", run, "--resume", "--json", "--set", "train.steps=" + steps));
        arguments.addAll(List.of(more));
        return arguments.toArray();
    }

    /** Loss by step, as the run has recorded it. */
    static Map<Integer, Double> curve(Path run) throws IOException {
        Map<Integer, Double> losses = new TreeMap<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode object = new ObjectMapper().readTree(line);
            if (object.has("loss")) {
                losses.put(object.get("step").asInt(), object.get("loss").asDouble());
            }
        }
        return losses;
    }

    /** Requires that a run has the losses of an undisturbed one of one rank. */
    void requireUndisturbed(Path run) throws IOException {
        Map<Integer, Double> losses = curve(run);
        int steps = losses.size();
        Path control = run("control of " + run.getFileName());
        Cli.ok(goOn(control, steps));
        Map<Integer, Double> expected = curve(control);
        assertThat(losses.keySet()).isEqualTo(expected.keySet());
        expected.forEach(
                (step, loss) -> assertThat(losses.get(step)).as("step %d", step).isCloseTo(loss, within(1e-5 * loss)));
    }
}
