package dev.longnet.spark;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;

/** The last lines that a process wrote, but for libtorch's greeting: for the sentence that says how it ended. */
final class Tail {
    private static final int LINES = 20;
    private static final int CHARACTERS = 500;
    private static final String GREETING = "[Gloo]"; // of libtorch, several times in each rank that starts

    private final Deque<String> lines = new ArrayDeque<>();

    /**
     * Reads a stream to its end in a thread of its own.
     *
     * @param copy where every line goes as well; null for nowhere
     */
    Thread follow(InputStream stream, PrintStream copy) {
        Thread thread = new Thread(() -> read(stream, copy), "output of a rank");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void read(InputStream stream, PrintStream copy) {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                add(line);
                if (copy != null) {
                    copy.println(line);
                }
            }
        } catch (IOException e) {
            // The process was ended while it wrote: what was read stays.
        }
    }

    private synchronized void add(String line) {
        if (line.isBlank() || line.startsWith(GREETING)) {
            return;
        }
        if (lines.size() == LINES) {
            lines.removeFirst();
        }
        lines.addLast(line.length() > CHARACTERS ? line.substring(0, CHARACTERS) + " …" : line);
    }

    /** The lines, each after a line break and two blanks; empty where nothing was written. */
    synchronized String text() {
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append("\n  ").append(line));
        return text.toString();
    }
}
