package dev.longnet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** CUDA's compiler, which needs no GPU; tests that call it are skipped where it is not on the PATH. */
public final class Nvcc {
    private Nvcc() {}

    public static void assumeThere() {
        String path = System.getenv().getOrDefault("PATH", "");
        assumeTrue(
                Pattern.compile(File.pathSeparator)
                        .splitAsStream(path)
                        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "nvcc"))),
                "nvcc is not on the PATH");
    }

    /** Runs it in a folder, expects success and returns what it said. */
    public static String run(Path folder, List<String> arguments) throws IOException, InterruptedException {
        Path log = folder.resolve("nvcc.log");
        ProcessBuilder builder = new ProcessBuilder("nvcc").directory(folder.toFile());
        builder.command().addAll(arguments);
        Process process =
                builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("nvcc ended").isTrue();
        String said = Files.readString(log, StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as(said).isZero();
        return said;
    }
}
