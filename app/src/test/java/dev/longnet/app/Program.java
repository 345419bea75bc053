package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The program in a process of its own, as a shell starts it.
 *
 * @param outFile what it writes to standard output
 * @param errFile what it writes to standard error
 */
record Program(Process process, Path outFile, Path errFile) implements AutoCloseable {
    private static final int SECONDS = 60;

    static Program start(Object... arguments) throws IOException {
        return start(Map.of(), arguments);
    }

    /** @param environment set beside what this process has */
    static Program start(Map<String, String> environment, Object... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-Dorg.bytedeco.javacpp.maxBytes=0",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        Stream.of(arguments).map(String::valueOf).forEach(command::add);
        Path folder = Files.createTempDirectory(Files.createDirectories(Path.of("target", "programs")), "x");
        Path out = folder.resolve("out"), err = folder.resolve("err");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().put("TORCH_CPP_LOG_LEVEL", "ERROR"); // as the launcher longnet does
        builder.environment().putAll(environment);
        return new Program(builder.start(), out, err);
    }

    /** Waits until it has ended. */
    Cli join() throws Exception {
        assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
                .as("still runs: %s", err())
                .isTrue();
        return new Cli(process.exitValue(), out(), err());
    }

    String out() throws IOException {
        return Files.readString(outFile);
    }

    String err() throws IOException {
        return Files.readString(errFile);
    }

    /** The processes that it has started, in order. */
    List<ProcessHandle> ranks() {
        return process.children()
                .sorted(Comparator.comparing(ProcessHandle::pid))
                .toList();
    }

    /** Sends a signal such as STOP to some of the processes. */
    static void signal(String name, List<ProcessHandle> to) throws Exception {
        List<String> command = new ArrayList<>(List.of("kill", "-" + name));
        to.forEach(process -> command.add(String.valueOf(process.pid())));
        assertThat(new ProcessBuilder(command).start().waitFor()).isZero();
    }

    void signal(String name) throws Exception {
        signal(name, List.of(process.toHandle()));
    }

    /** What is waited for. */
    interface Condition {
        boolean holds() throws IOException;
    }

    /** Waits until something has come about, which it does while the program runs. */
    void await(String what, Condition condition) throws Exception {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (!condition.holds()) {
            assertThat(process.isAlive() && System.nanoTime() < until)
                    .as("waiting for %s: %s%s", what, out(), err())
                    .isTrue();
            Thread.sleep(20);
        }
    }

    /** Waits until a run has so many lines of metrics. */
    void awaitLines(Path run, int count) throws Exception {
        Path metrics = run.resolve("metrics.jsonl");
        await(
                "steps",
                () -> Files.exists(metrics) && Files.readAllLines(metrics).size() >= count);
    }

    /** Kills it and its ranks, if they still run. */
    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
