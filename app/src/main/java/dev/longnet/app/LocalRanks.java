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
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;

/**
 * Ranks of one machine: starts this program once for each, with the variables that launchers set, and watches them. The
 * first speaks for all: its output is passed on, that of another is shown when it fails and the first does not say why.
 *
 * <p>Ranks end together by themselves, within two seconds of the first (see {@link dev.longnet.ranks.Ranks}). So once one
 * has failed, whatever still runs a little later cannot end by itself, as a stopped process cannot, and is killed.
 */
final class LocalRanks {
    private static final String LAUNCHER = "LONGNET_LAUNCHER_PID";
    private static final int LINES = 20, FIRST_SIGNAL = 128;
    private static final long GRACE_MILLIS = 2_500;

    /** More than the ranks themselves take to save and end. */
    private static final long PATIENCE_MINUTES = 11;

    private final List<Rank> ranks = new CopyOnWriteArrayList<>();
    private final BlockingQueue<Rank> ended = new LinkedBlockingQueue<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private final CommandLine command;
    private volatile boolean interrupted;

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
            all.over.countDown();
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
                Runtime.getRuntime().halt(Failures.FAILED);
            }
            launcher.get().onExit().thenRun(() -> Runtime.getRuntime().halt(Failures.FAILED));
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
            long deadline = 0;
            for (int i = 0; i < ranks.size(); i++) {
                long left = deadline - System.nanoTime();
                Rank rank = failed == null ? ended.take() : ended.poll(left, TimeUnit.NANOSECONDS);
                if (rank == null) {
                    break;
                }
                if (failed == null && rank.code() != 0) {
                    failed = rank;
                    deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(GRACE_MILLIS);
                }
            }
            kill();
            for (Rank rank : ranks) {
                rank.finish();
            }
            if (failed == null) {
                return 0;
            }
            explain(failed);
            return failed.code() == Failures.WRONG_CALL ? Failures.WRONG_CALL : Failures.FAILED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LongNetException(e, "interrupted while the ranks were running");
        }
    }

    /** Says why a rank failed, unless the first rank has done so or the user has ended it. */
    private void explain(Rank failed) {
        boolean told = ranks.get(0).hasSpoken();
        if (failed.hasSpoken() ? told : interrupted) {
            return;
        }
        if (failed.number > 0) {
            failed.errors.forEach(command.getErr()::println);
        }
        if (!failed.hasSpoken() && !told) {
            int signal = failed.code() - FIRST_SIGNAL;
            command.getErr()
                    .printf(
                            "%s: rank %d (process %d on this machine) %s%n",
                            command.getCommandSpec().qualifiedName(),
                            failed.number,
                            failed.process.pid(),
                            signal > 0 ? "was ended by signal " + signal : "ended with code " + failed.code());
        }
    }

    /** Asks all ranks to save and end, and waits until they have. */
    private void interrupt() {
        interrupted = true;
        ranks.forEach(rank -> rank.process.toHandle().destroy());
        try {
            over.await(PATIENCE_MINUTES, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** By their handles, since a {@link Process} would throw away what it has written and nobody has read yet. */
    private void kill() {
        ranks.forEach(rank -> rank.process.toHandle().destroyForcibly());
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
            process.onExit().thenRun(() -> ended.add(this));
        }

        int code() {
            return process.exitValue();
        }

        /** Whether it has ended by itself and said why it failed, rather than crashed or been killed. */
        boolean hasSpoken() {
            return code() == Failures.FAILED || code() == Failures.WRONG_CALL;
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
