package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code train} and {@code read} say before they start, and what they refuse. */
class ForecastTest {
    @TempDir
    private static Path folder;

    private static Path text, run;
    private static Cli trained;

    @BeforeAll
    static void aRun() throws IOException {
        text = Cli.write(folder);
        run = folder.resolve("run");
        trained = Cli.ok("train", "--data", text, "--out", run, "--config", folder.resolve("tiny.yaml"));
    }

    /** A run of a second is not measured for; its memory is told. */
    @Test
    void trainingTellsItsMemory() {
        assertThat(trained.err())
                .containsPattern("predicted: [0-9.]+ [KM]iB of memory beside the program itself; this machine has");
        assertThat(Cli.ok("train", "--out", run, "--resume", "--set", "train.steps=6", "--quiet")
                        .err())
                .doesNotContain("predicted");
    }

    @Test
    void readingTellsItsMemory() {
        Cli read = Cli.ok("read", "--model", run, "--data", text, "--state", folder.resolve("a.lns"));
        assertThat(read.err()).containsPattern("predicted: [0-9.]+ [KM]iB of memory beside the program itself");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "train.length=1g                                       | set train.recompute=true, or use train.length of",
                "train.length=1g train.recompute=true                  | use train.length of",
                "train.batch=64m                                       | needs at least",
            })
    void trainingThatCannotFitIsRefused(String settings, String wayOut) throws IOException {
        Path out = folder.resolve("refused");
        Object[] words = ("train --data " + text + " --out " + out + " --config " + folder.resolve("tiny.yaml")
                        + " --set model.layers=8 --set model.embedding=256 --set " + settings.replace(" ", " --set "))
                .split(" ");
        assertThat(Cli.refused(2, words)).contains("of memory and this machine has", wayOut);
        assertThat(Files.exists(out.resolve("config.yaml"))).isFalse();
    }

    @Test
    void aPieceThatCannotFitIsRefused() {
        assertThat(Cli.refused(
                        2,
                        "read",
                        "--model",
                        run,
                        "--data",
                        text,
                        "--state",
                        folder.resolve("c.lns"),
                        "--tokens",
                        "1g",
                        "--piece",
                        "1g"))
                .contains("reading pieces of 1073741824 tokens", "use a smaller --piece");
        assertThat(folder.resolve("c.lns")).doesNotExist();
    }
}
