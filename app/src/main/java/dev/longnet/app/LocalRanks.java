package dev.longnet.app;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayList;
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
    private static final long GRACE_MILLIS = 2_500;

    /** More than the ranks themselves take to save and end. */
    private static final long PATIENCE_MINUTES = 11;

    private final List<LocalRank> ranks = new CopyOnWriteArrayList<>();
    private final BlockingQueue<LocalRank> ended = new LinkedBlockingQueue<>();
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
        line.addAll(flags(ManagementFactory.getRuntimeMXBean().getInputArguments()));
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
                LocalRank rank = i == 0
                        ? new LocalRank(i, builder.start(), command.getOut(), command.getErr())
                        : new LocalRank(i, builder.start(), null, null);
                ranks.add(rank);
                rank.onExit(() -> ended.add(rank));
            }
        } catch (IOException e) {
            throw new LongNetException(e, "rank %d cannot be started: %s", ranks.size(), e.getMessage());
        }
    }

    /** Of this JVM's flags those of a rank: a descriptor that output goes to here is another file there, as of the JDK. */
    static List<String> flags(List<String> ofThisProcess) {
        return ofThisProcess.stream()
                .filter(flag -> !flag.startsWith("-D" + Main.OUTPUT + "="))
                .toList();
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new LongNetException(e, "no port is free on this machine: %s", e.getMessage());
        }
    }

    /** Waits until all ranks have ended; returns the exit code. */
    private int await() {
        try {
            LocalRank failed = null;
            long deadline = 0;
            for (int i = 0; i < ranks.size(); i++) {
                long left = deadline - System.nanoTime();
                LocalRank rank = failed == null ? ended.take() : ended.poll(left, TimeUnit.NANOSECONDS);
                if (rank == null) {
                    break;
                }
                if (failed == null && rank.code() != 0) {
                    failed = rank;
                    deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(GRACE_MILLIS);
                }
            }
            kill();
            for (LocalRank rank : ranks) {
                rank.finish();
            }
            if (failed == null) {
                return 0;
            }
            explain(failed);
            return code(failed);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LongNetException(e, "interrupted while the ranks were running");
        }
    }

    /** Says why a rank failed, unless the first rank has done so or the user has ended it. */
    private void explain(LocalRank failed) {
        boolean told = ranks.get(0).hasSpoken();
        if (told && !failed.hasCrashed() || interrupted && !failed.hasSpoken()) {
            return;
        }
        if (failed != ranks.get(0)) {
            failed.errors().forEach(command.getErr()::println);
        }
        if (!failed.hasSpoken() && !told) {
            command.getErr().println(command.getCommandSpec().qualifiedName() + ": " + failed.describeEnd());
        }
    }

    /** That of a rank which was told to stop, as it would be without others, or else of the first to fail. */
    private int code(LocalRank failed) {
        for (LocalRank rank : ranks) {
            if (rank.wasToldToStop()) {
                return rank.code();
            }
        }
        return failed.code() == Failures.WRONG_CALL ? Failures.WRONG_CALL : Failures.FAILED;
    }

    /** Asks all ranks to save and end, and waits until they have. */
    private void interrupt() {
        interrupted = true;
        ranks.forEach(LocalRank::interrupt);
        try {
            over.await(PATIENCE_MINUTES, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void kill() {
        ranks.forEach(LocalRank::kill);
    }
}
