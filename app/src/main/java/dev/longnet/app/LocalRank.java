package dev.longnet.app;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process that is one of {@link LocalRanks}: what it writes is passed on as it comes, and the last errors are kept. */
final class LocalRank {
    private static final int LINES = 20, SIGNALLED = 128, INT = 2, TERM = 15;

    private final int number;
    private final Process process;
    private final Deque<String> errors = new ArrayDeque<>();
    private final List<Thread> readers = new ArrayList<>();

    /**
     * @param out gets what it writes to standard output, or null
     * @param err gets what it writes to standard error, or null
     */
    LocalRank(int number, Process process, PrintWriter out, PrintWriter err) throws IOException {
        this.number = number;
        this.process = process;
        process.getOutputStream().close();
        read("out", process.inputReader(StandardCharsets.UTF_8), out, false);
        read("err", process.errorReader(StandardCharsets.UTF_8), err, true);
    }

    private void read(String name, BufferedReader from, PrintWriter to, boolean keeps) {
        Thread reader = new Thread(() -> copy(from, to, keeps), "rank " + number + " " + name);
        reader.setDaemon(true);
        reader.start();
        readers.add(reader);
    }

    private void copy(BufferedReader from, PrintWriter to, boolean keeps) {
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
                    if (keeps) {
                        keep(line.toString().stripTrailing());
                    }
                    line.setLength(0);
                }
            }
        } catch (IOException e) {
            // the pipe is gone with its process
        }
    }

    private void keep(String line) {
        synchronized (errors) {
            if (!line.isBlank()) {
                errors.addLast(line);
                if (errors.size() > LINES) {
                    errors.removeFirst();
                }
            }
        }
    }

    void onExit(Runnable then) {
        process.onExit().thenRun(then);
    }

    /** Asks it to save and end. By its handle: a {@link Process} that is ended throws away what nobody has read yet. */
    void interrupt() {
        process.toHandle().destroy();
    }

    void kill() {
        process.toHandle().destroyForcibly();
    }

    /** Waits until it has ended and all that it has written is read. */
    void finish() throws InterruptedException {
        process.waitFor();
        for (Thread reader : readers) {
            reader.join(TimeUnit.SECONDS.toMillis(2));
        }
    }

    int code() {
        return process.exitValue();
    }

    /** Whether it has failed and said why. */
    boolean hasSpoken() {
        return code() == Failures.FAILED || code() == Failures.WRONG_CALL;
    }

    /** Whether Ctrl-C or a plain {@code kill} has ended it. */
    boolean wasToldToStop() {
        return code() == SIGNALLED + INT || code() == SIGNALLED + TERM;
    }

    /** Whether it came to an end that nobody asked for and of which it could say nothing. */
    boolean hasCrashed() {
        return !hasSpoken() && !wasToldToStop();
    }

    /** The last lines that it has written to standard error. */
    List<String> errors() {
        synchronized (errors) {
            return List.copyOf(errors);
        }
    }

    String describeEnd() {
        String how = code() > SIGNALLED ? "was ended by signal " + (code() - SIGNALLED) : "ended with code " + code();
        return "rank " + number + " (process " + process.pid() + " on this machine) " + how;
    }
}
