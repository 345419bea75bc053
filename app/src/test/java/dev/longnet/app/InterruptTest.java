package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
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
    private Process process;

    @BeforeEach
    void write() throws IOException {
        text = Cli.write(folder);
        run = folder.resolve("x");
    }

    @AfterEach
    void end() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    private void start(String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-Dorg.bytedeco.javacpp.maxBytes=0",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "train",
                "--data",
                text.toString(),
                "--out",
                run.toString(),
                "--config",
                folder.resolve("tiny.yaml").toString(),
                "--set",
                "train.steps=1000000"));
        for (String setting : more) {
            command.add("--set");
            command.add(setting);
        }
        process = new ProcessBuilder(command)
                .redirectOutput(folder.resolve("out").toFile())
                .redirectError(folder.resolve("err").toFile())
                .start();
    }

    private String output(String name) throws IOException {
        return Files.readString(folder.resolve(name), StandardCharsets.UTF_8);
    }

    private void awaitLines(int count) throws Exception {
        Path metrics = run.resolve("metrics.jsonl");
        for (int i = 0; i < 600; i++) {
            if (Files.exists(metrics) && Files.readAllLines(metrics).size() >= count) {
                return;
            }
            assertThat(process.isAlive()).as(output("err")).isTrue();
            Thread.sleep(100);
        }
        throw new AssertionError("no steps within a minute: " + output("err"));
    }

    private void signal(String name) throws Exception {
        new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                .start()
                .waitFor();
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).as(output("err")).isTrue();
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
        start("train.checkpointEvery=0");
        awaitLines(4);
        signal("INT");
        assertThat(process.exitValue()).isNotZero();
        assertThat(output("err"))
                .contains("stopping after this step and saving")
                .doesNotContain("Exception");
        assertThat(output("out"))
                .containsOnlyOnce("stopped after step")
                .contains("and saved; go on with: longnet train --out " + run + " --resume");
        int saved = new RunFolder(run).savedSteps();
        assertThat(saved).isGreaterThanOrEqualTo(4);
        assertThat(output("out")).contains("stopped after step " + saved + " and saved");
        goesOn(saved);
    }

    @Test
    void aKillLosesWhatCameAfterTheLastCheckpoint() throws Exception {
        start("train.checkpointEvery=3");
        awaitLines(8);
        signal("KILL");
        int saved = new RunFolder(run).savedSteps();
        assertThat(saved).isGreaterThanOrEqualTo(3);
        assertThat(saved % 3).isZero();
        goesOn(saved);
    }
}
