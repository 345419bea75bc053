package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Processes that something else than {@code --ranks} starts, in a folder that has a text, the tiny settings and a {@code
 * ./longnet} that runs this build with them.
 */
final class LaunchedRanks implements AutoCloseable {
    private static final long SECONDS = 60;

    private final Path folder;
    private final List<Launched> processes = new ArrayList<>();

    /** A process and what it writes. */
    record Launched(Process process, Path file) {
        String output() throws IOException {
            return Files.readString(file, StandardCharsets.UTF_8);
        }

        /** Waits until it ends; returns its exit code. */
        int await() throws Exception {
            assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).as(output()).isTrue();
            return process.exitValue();
        }

        void expectSuccess() throws Exception {
            assertThat(await()).as(output()).isZero();
        }
    }

    /** @param folder empty; the text will be in its folder text */
    LaunchedRanks(Path folder) throws IOException {
        this.folder = folder;
        Cli.write(folder);
        script(
                "longnet",
                String.format(
                        """
                exec '%s' -Xmx512m -XX:TieredStopAtLevel=1 -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 \\
                    -Dorg.bytedeco.javacpp.maxBytes=0 -cp '%s' %s "$@" --config tiny.yaml --set train.steps=$STEPS
                """,
                        Path.of(System.getProperty("java.home"), "bin", "java"),
                        System.getProperty("java.class.path"),
                        Main.class.getName()));
    }

    /** Writes a program of the shell. */
    Path script(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + text);
        assertThat(file.toFile().setExecutable(true)).isTrue();
        return file;
    }

    /**
     * Starts a process in the folder.
     *
     * @param steps of the training
     * @param variables beside this process's, less those of a launcher that has started this test
     */
    Launched start(int steps, Map<String, String> variables, List<String> command) throws IOException {
        Path file = folder.resolve("output-" + processes.size());
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(file.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("SLURM") || name.equals("HOSTNAME"));
        builder.environment().put("LONGNET_CACHE", folder.resolve("cache").toString());
        builder.environment().put("STEPS", String.valueOf(steps));
        builder.environment().putAll(variables);
        Launched launched = new Launched(builder.start(), file);
        processes.add(launched);
        return launched;
    }

    /** Waits until the run has done some steps. */
    void awaitSteps(RunFolder run) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (!Files.exists(run.metrics()) || Files.size(run.metrics()) == 0) {
            for (Launched launched : processes) {
                assertThat(launched.process.isAlive() && System.nanoTime() < until)
                        .as(launched.output())
                        .isTrue();
            }
            Thread.sleep(50);
        }
    }

    /** Expects that so many ranks have trained to this step. */
    static void expectTrained(RunFolder run, int ranks, int steps) throws IOException {
        assertThat(run.savedSteps()).isEqualTo(steps);
        assertThat(Files.readString(run.runInfo())).contains("\"ranks\" : " + ranks + ",");
        assertThat(Files.readAllLines(run.metrics()).stream().filter(line -> line.contains("\"loss\"")))
                .hasSize(steps);
    }

    @Override
    public void close() {
        for (Launched launched : processes) {
            launched.process.descendants().forEach(ProcessHandle::destroyForcibly);
            launched.process.destroyForcibly();
        }
    }
}
