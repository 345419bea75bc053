package dev.longnet.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.TreeMap;

/**
 * Stands in for the program: writes who it is to {@code OUT/ATTEMPT-RANK.txt} and then does what its arguments say.
 *
 * <pre>
 * --out OUT                as for train; rank 0 makes it hold a run
 * --fail RANK:CODE:TIMES   that rank ends with this code in its first attempts, after all have written
 * --sleep                  stays until it is ended, and then writes OUT/ATTEMPT-RANK.saved
 * </pre>
 */
final class Probe {
    private static final long FOREVER_MILLIS = 600_000;

    private final List<String> arguments;
    private final Path out;
    private final int rank = number("RANK");
    private final int attempt = number("LONGNET_ATTEMPT");

    private Probe(List<String> arguments) {
        this.arguments = arguments;
        this.out = Path.of(value("--out"));
    }

    public static void main(String[] args) throws Exception {
        new Probe(List.of(args)).run();
    }

    private void run() throws Exception {
        Files.createDirectories(out);
        write(out.resolve(attempt + "-" + rank + ".txt"));
        if (rank == 0) {
            Files.writeString(out.resolve("config.yaml"), "");
            System.out.println("to the output");
            System.err.println("to the error output");
        }
        if (arguments.contains("--fail")) {
            String[] fail = value("--fail").split(":");
            if (attempt < Integer.parseInt(fail[2])) {
                awaitAll();
                fail(Integer.parseInt(fail[0]), Integer.parseInt(fail[1]));
            }
        }
        if (arguments.contains("--sleep")) {
            Runtime.getRuntime().addShutdownHook(new Thread(this::save));
            Thread.sleep(FOREVER_MILLIS);
        }
    }

    private void write(Path file) throws IOException {
        TreeMap<String, String> about = new TreeMap<>(System.getenv());
        about.put("pid", Long.toString(ProcessHandle.current().pid()));
        about.put("arguments", String.join(" ", arguments));
        about.put("classPath", System.getProperty("java.class.path"));
        about.put("folder", Path.of("").toAbsolutePath().toString());
        StringBuilder text = new StringBuilder();
        about.forEach((name, value) ->
                text.append(name).append('=').append(value.replace('\n', ' ')).append('\n'));
        Path beside = file.resolveSibling(file.getFileName() + ".new");
        Files.writeString(beside, text);
        Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
    }

    private void awaitAll() throws InterruptedException {
        for (int other = 0; other < number("WORLD_SIZE"); other++) {
            while (!Files.exists(out.resolve(attempt + "-" + other + ".txt"))) {
                Thread.sleep(20);
            }
        }
    }

    private void fail(int who, int code) throws InterruptedException {
        if (rank == who) {
            System.err.println("[Gloo] Rank 7 is connected to 13 peer ranks.");
            System.err.println("no more memory for 7 of 13 rows");
            System.exit(code);
        }
        Thread.sleep(FOREVER_MILLIS); // as a rank that waits for one that is gone
    }

    private void save() {
        try {
            Thread.sleep(500); // a checkpoint takes its time
            Files.writeString(out.resolve(attempt + "-" + rank + ".saved"), "");
        } catch (IOException | InterruptedException e) {
            e.printStackTrace();
        }
    }

    private String value(String option) {
        return arguments.get(arguments.indexOf(option) + 1);
    }

    private static int number(String variable) {
        return Integer.parseInt(System.getenv(variable));
    }
}
