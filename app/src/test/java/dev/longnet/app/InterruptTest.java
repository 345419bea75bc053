package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The program itself, with an endless training, and the signals that end it. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no signals")
class InterruptTest {
    @TempDir
    private Path folder;

    private Path text;
    private Path run;

    @BeforeEach
    void write() throws IOException {
        text = Cli.write(folder);
        run = folder.resolve("x");
    }

    private Program start(int checkpointEvery) throws IOException {
        return Program.start(
                "train",
                "--data",
                text,
                "--out",
                run,
                "--config",
                folder.resolve("tiny.yaml"),
                "--set",
                "train.steps=1000000",
                "--set",
                "train.checkpointEvery=" + checkpointEvery);
    }

    /** Trains two more steps in this process. */
    private void goesOn(int saved) throws IOException {
        assertThat(new RunFolder(run).savedSteps()).isEqualTo(saved);
        int steps = saved + 2;
        Cli resumed = Cli.ok("train", "--out", run, "--resume", "--set", "train.steps=" + steps, "--json");
        assertThat(resumed.json().get(0).get("step").asInt()).isEqualTo(saved + 1);
        List<String> lines = Files.readAllLines(run.resolve("metrics.jsonl"));
        assertThat(lines.stream().filter(line -> line.contains("\"loss\""))).hasSize(steps);
    }

    @Test
    void controlCSavesAndSaysHowToGoOn() throws Exception {
        try (Program program = start(0)) {
            program.awaitLines(run, 4);
            program.signal("INT");
            Cli ended = program.join();
            assertThat(ended.code()).isEqualTo(130);
            assertThat(ended.err())
                    .contains("stopping after this step and saving")
                    .doesNotContain("Exception");
            int saved = new RunFolder(run).savedSteps();
            assertThat(saved).isGreaterThanOrEqualTo(4);
            assertThat(ended.out())
                    .isEqualToIgnoringNewLines("stopped after step " + saved
                            + " and saved; go on with: longnet train --out " + run + " --resume");
            goesOn(saved);
        }
    }

    @Test
    void aKillLosesWhatCameAfterTheLastCheckpoint() throws Exception {
        try (Program program = start(3)) {
            program.awaitLines(run, 8);
            program.signal("KILL");
            program.join();
            int saved = new RunFolder(run).savedSteps();
            assertThat(saved).isGreaterThanOrEqualTo(3);
            assertThat(saved % 3).isZero();
            goesOn(saved);
        }
    }
}
