package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * Ranks that are processes of this machine, for tests: each runs a static method that takes {@link Ranks}, in a JVM with
 * this one's class path.
 */
final class Jvms implements AutoCloseable {
    private static final long SECONDS = 90;

    private final List<Rank> ranks = new ArrayList<>();

    /** One process. */
    record Rank(Process process, Path outFile, Path errFile) {
        /** Waits until it ends. */
        Rank join() throws InterruptedException {
            assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
                    .as("still runs: %s", this)
                    .isTrue();
            return this;
        }

        int exit() {
            return process.exitValue();
        }

        String out() {
            return read(outFile);
        }

        String err() {
            return read(errFile);
        }

        private static String read(Path file) {
            try {
                return Files.readString(file).strip();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** Waits until it has printed this. */
        void awaitLine(String line) throws InterruptedException {
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
            while (out().lines().noneMatch(line::equals)) {
                assertThat(process.isAlive() && System.nanoTime() < until)
                        .as("waiting for \"%s\": %s", line, this)
                        .isTrue();
                Thread.sleep(20);
            }
        }

        /** Sends a signal such as STOP. */
        void signal(String name) throws IOException, InterruptedException {
            assertThat(new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                            .start()
                            .waitFor())
                    .isZero();
        }

        @Override
        public String toString() {
            return "exit " + (process.isAlive() ? "none" : exit()) + "\n" + out() + "\n" + err();
        }
    }

    /** Starts {@code size} ranks and expects all to end well. */
    static List<Rank> runAll(int size, Class<?> type, String method) throws Exception {
        try (Jvms jvms = start(size, type, method)) {
            for (Rank rank : jvms.ranks) {
                assertThat(rank.join().exit()).as("%s", rank).isZero();
            }
            return jvms.ranks;
        }
    }

    /** Starts {@code size} ranks. */
    static Jvms start(int size, Class<?> type, String method, String... flags) throws IOException {
        return start(size, Map.of(), type, method, flags);
    }

    /** Starts {@code size} ranks with more variables. */
    static Jvms start(int size, Map<String, String> more, Class<?> type, String method, String... flags)
            throws IOException {
        Jvms jvms = new Jvms();
        int port = freePort();
        for (int i = 0; i < size; i++) {
            Map<String, String> variables = variables(i, size, port);
            variables.putAll(more);
            jvms.start(variables, type, method, flags);
        }
        return jvms;
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    /** What a launcher sets; the host's name is made up, one for each rank. */
    static Map<String, String> variables(int rank, int size, int port) {
        Map<String, String> variables = new TreeMap<>(Map.of(
                "RANK", "" + rank,
                "WORLD_SIZE", "" + size,
                "LOCAL_RANK", "" + rank,
                "LOCAL_WORLD_SIZE", "" + size,
                "MASTER_ADDR", "localhost",
                "MASTER_PORT", "" + port,
                "HOSTNAME", "" + (char) ('a' + rank),
                "LONGNET_MEETING_SECONDS", "60",
                "LONGNET_COLLECTIVE_SECONDS", "60"));
        variables.put("OMP_NUM_THREADS", "1");
        variables.put("TORCH_CPP_LOG_LEVEL", "ERROR");
        return variables;
    }

    Rank start(Map<String, String> variables, Class<?> type, String method, String... flags) throws IOException {
        Path folder = Files.createTempDirectory(Files.createDirectories(Path.of("target", "jvms")), method);
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-Xmn8m", // memory that is watched is native
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-Dorg.bytedeco.javacpp.maxBytes=0",
                "-Djava.library.path=" + System.getProperty("java.library.path")));
        command.addAll(List.of(flags));
        command.addAll(List.of(
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                RankMain.class.getName(),
                type.getName(),
                method));
        Path out = folder.resolve("out"), err = folder.resolve("err");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("SLURM"));
        builder.environment().putAll(variables);
        Rank rank = new Rank(builder.start(), out, err);
        ranks.add(rank);
        return rank;
    }

    Rank get(int rank) {
        return ranks.get(rank);
    }

    @Override
    public void close() {
        ranks.forEach(rank -> rank.process.destroyForcibly());
    }
}
