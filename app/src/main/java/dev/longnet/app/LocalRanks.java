package dev.longnet.app;

import dev.longnet.LongNetException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;

/**
 * Ranks of one machine: starts this program once for each, with the variables that launchers set, and watches them. The
 * first speaks for all: its output is passed on, that of the others is shown when they fail and it does not say why.
 */
final class LocalRanks {
    private static final String LAUNCHER = "LONGNET_LAUNCHER_PID";
    private static final int FAILED = 1, LINES = 20;

    /** Once a rank has failed, the others find out by themselves and end within this time. */
    private static final long GRACE_SECONDS = 12;

    private final List<Rank> ranks = new ArrayList<>();
    private final CommandLine command;

    private LocalRanks(CommandLine command) {
        this.command = command;
    }

    /**
     * Runs a command over so many ranks.
     *
     * @param arguments of this program, as the user gave them
     * @return the exit code
     */
    static int run(int count, List<String> arguments, CommandLine command) {
        LocalRanks all = new LocalRanks(command);
        Thread onInterrupt = new Thread(all::interrupt);
        Runtime.getRuntime().addShutdownHook(onInterrupt);
        try {
            all.start(count, arguments);
            return all.await();
        } finally {
            all.kill();
            try {
                Runtime.getRuntime().removeShutdownHook(onInterrupt);
            } catch (IllegalStateException e) {
                // Interrupted: the JVM goes down.
            }
        }
    }

    /** In a rank: ends this process when the one that started it is gone, however that came about. */
    static void endWithLauncher() {
        String pid = System.getenv(LAUNCHER);
        if (pid != null) {
            Optional<ProcessHandle> launcher = ProcessHandle.of(Long.parseLong(pid));
            if (launcher.isEmpty()) {
                Runtime.getRuntime().halt(FAILED);
            }
            launcher.get().onExit().thenRun(() -> Runtime.getRuntime().halt(FAILED));
        }
    }

    private void start(int count, List<String> arguments) {
        List<String> line = new ArrayList<>();
        line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        line.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        line.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        line.addAll(arguments);
        String port = String.valueOf(freePort());
        try {
            for (int i = 0; i < count; i++) {
                ProcessBuilder builder = new ProcessBuilder(line);
                Map<String, String> environment = builder.environment();
                environment.put("RANK", String.valueOf(i));
                environment.put("WORLD_SIZE", String.valueOf(count));
                environment.put("LOCAL_RANK", String.valueOf(i));
                environment.put("LOCAL_WORLD_SIZE", String.valueOf(count));
                environment.put("MASTER_ADDR", InetAddress.getLoopbackAddress().getHostAddress());
                environment.put("MASTER_PORT", port);
                environment.put(LAUNCHER, String.valueOf(ProcessHandle.current().pid()));
                ranks.add(new Rank(i, builder.start()));
            }
        } catch (IOException e) {
            throw new LongNetException(e, "rank %d cannot be started: %s", ranks.size(), e.getMessage());
        }
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new LongNetException(e, "no port is free on this machine: %s", e.getMessage());
        }
    }

    /** Waits until all ranks have ended; the exit code is that of the first to fail. */
    private int await() {
        try {
            Rank failed = null;
            long end = Long.MAX_VALUE;
            while (ranks.stream().anyMatch(rank -> rank.process.isAlive()) && System.nanoTime() < end) {
                for (Rank rank : ranks) {
                    if (failed == null
                            && rank.process.waitFor(20, TimeUnit.MILLISECONDS)
                            && rank.process.exitValue() != 0) {
                        failed = rank;
                        end = System.nanoTime() + TimeUnit.SECONDS.toNanos(GRACE_SECONDS);
                    }
                }
                if (failed != null) {
                    Thread.sleep(20);
                }
            }
            kill();
            for (Rank rank : ranks) {
                rank.finish();
                if (failed == null && rank.process.exitValue() != 0) {
                    failed = rank;
                }
            }
            return failed == null ? 0 : explain(failed);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LongNetException(e, "interrupted while the ranks were running");
        }
    }

    /** Says why a rank failed unless the first rank has done so, and gives the exit code. */
    private int explain(Rank failed) {
        boolean told = !ranks.get(0).errors.isEmpty() && ranks.get(0).process.exitValue() <= Failures.WRONG_CALL;
        int code = failed.process.exitValue();
        if (!told) {
            String message = "rank " + failed.number + " (process " + failed.process.pid() + " on this machine) "
                    + (code > 128 ? "was ended by signal " + (code - 128) : "ended with code " + code);
            failed.errors.forEach(command.getErr()::println);
            command.getErr().println(command.getCommandSpec().qualifiedName() + ": " + message);
        }
        return code == Failures.WRONG_CALL ? Failures.WRONG_CALL : FAILED;
    }

    /** Asks all ranks to save and end, and waits for them. */
    private void interrupt() {
        ranks.forEach(rank -> rank.process.destroy());
        try {
            for (Rank rank : ranks) {
                rank.process.waitFor(10, TimeUnit.MINUTES);
                rank.finish();
            }
        } catch (InterruptedException e) {
            kill();
        }
    }

    private void kill() {
        ranks.forEach(rank -> rank.process.destroyForcibly());
    }

    /** A process and the end of what it has written to standard error. */
    private final class Rank {
        private final int number;
        private final Process process;
        private final Deque<String> errors = new ArrayDeque<>();
        private final List<Thread> readers = new ArrayList<>();

        Rank(int number, Process process) throws IOException {
            this.number = number;
            this.process = process;
            process.getOutputStream().close();
            read("out", process.inputReader(StandardCharsets.UTF_8), number == 0 ? command.getOut() : null, null);
            read("err", process.errorReader(StandardCharsets.UTF_8), number == 0 ? command.getErr() : null, errors);
        }

        private void read(String name, BufferedReader from, PrintWriter to, Deque<String> kept) {
            Thread reader = new Thread(() -> copy(from, to, kept), "rank " + number + " " + name);
            reader.setDaemon(true);
            reader.start();
            readers.add(reader);
        }

        /** Waits until all that it has written is read. */
        void finish() throws InterruptedException {
            process.waitFor();
            for (Thread reader : readers) {
                reader.join(TimeUnit.SECONDS.toMillis(2));
            }
        }

        private void copy(BufferedReader from, PrintWriter to, Deque<String> kept) {
            try (from) {
                StringBuilder line = new StringBuilder();
                for (int c = from.read(); c >= 0; c = from.read()) {
                    line.append((char) c);
                    // A progress bar rewrites its line and never ends it.
                    if (c == '\n' || !from.ready()) {
                        if (to != null && !line.toString().startsWith("[Gloo]")) { // libtorch's greeting
                            to.print(line);
                            to.flush();
                        }
                        if (kept != null) {
                            keep(line.toString().stripTrailing(), kept);
                        }
                        line.setLength(0);
                    }
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e); // of a pipe: its process is gone
            }
        }

        private void keep(String line, Deque<String> kept) {
            synchronized (kept) {
                if (!line.isBlank()) {
                    kept.addLast(line);
                    if (kept.size() > LINES) {
                        kept.removeFirst();
                    }
                }
            }
        }
    }
}
