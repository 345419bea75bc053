package dev.longnet.spark;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The process of one rank: a JVM of its own, so that what goes wrong in native code does not take Spark along. */
final class LaunchedRank implements AutoCloseable {
    /** Memory and threads of the native libraries, as in the launcher {@code longnet}, unless the node sets them. */
    static final Map<String, String> NATIVE = Map.of(
            "TORCH_CPP_LOG_LEVEL", "ERROR",
            "NCCL_NVLS_ENABLE", "0",
            "TORCH_NCCL_ASYNC_ERROR_HANDLING", "0",
            "MALLOC_ARENA_MAX", "1",
            "MALLOC_MMAP_MAX_", "0",
            "MALLOC_TRIM_THRESHOLD_", "1000000000000",
            "MALLOC_TOP_PAD_", "268435456",
            "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1",
            "OMP_WAIT_POLICY", "passive",
            "OPENBLAS_THREAD_TIMEOUT", "4");

    /** The JVM's flags, as in the launcher {@code longnet}. */
    static final List<String> FLAGS = List.of(
            "-Xmx2g",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            "-Dorg.bytedeco.javacpp.maxBytes=0");

    /** How long a process that is ended may take to save. */
    static final long GRACE_MILLIS = 25_000; // within the 30 s after which Hadoop ends a JVM's shutdown hooks

    private static final int NATIVE_ACCESS = 22; // the first Java that warns about native code
    private static final long POLL_MILLIS = 100;
    private static final long OUTPUT_MILLIS = 2_000;

    private final Process process;
    private final Tail tail = new Tail();
    private final List<Thread> readers;

    /**
     * Starts the process.
     *
     * @param classPath the jars of {@code program}, where they lie on this machine
     * @param environment set beside what this process has
     * @param out where its standard output goes; null for nowhere
     * @param err where its error output goes; null for nowhere
     */
    LaunchedRank(
            Program program, List<Path> classPath, Map<String, String> environment, PrintStream out, PrintStream err)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command(program, classPath)).directory(new File(program.folder()));
        NATIVE.forEach(builder.environment()::putIfAbsent);
        builder.environment().putAll(environment);
        process = builder.start();
        readers = List.of(tail.follow(process.getInputStream(), out), tail.follow(process.getErrorStream(), err));
    }

    private static List<String> command(Program program, List<Path> classPath) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(FLAGS);
        if (Runtime.version().feature() >= NATIVE_ACCESS) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        String options = System.getenv().getOrDefault("LONGNET_JAVA_OPTS", "").strip();
        if (!options.isEmpty()) {
            command.addAll(List.of(options.split("\\s+")));
        }
        command.add("-cp");
        command.add(String.join(
                File.pathSeparator, classPath.stream().map(Path::toString).toList()));
        command.add(Child.class.getName());
        command.add(program.mainClass());
        command.addAll(program.arguments());
        return command;
    }

    /** The variables by which a rank knows its place: torchrun's names. */
    static Map<String, String> environment(Placement place, int attempt, List<Greeting> greetings) {
        Map<String, String> environment = new LinkedHashMap<>();
        environment.put("RANK", Integer.toString(place.rank()));
        environment.put("WORLD_SIZE", Integer.toString(place.world()));
        environment.put("LOCAL_RANK", Integer.toString(place.local()));
        environment.put("LOCAL_WORLD_SIZE", Integer.toString(place.neighbours().size()));
        Greeting first = greetings.get(place.first());
        environment.put("MASTER_ADDR", first.host());
        environment.put("MASTER_PORT", Integer.toString(first.port()));
        environment.put("LONGNET_ATTEMPT", Integer.toString(attempt));
        // All GPUs of the host's ranks, so that LOCAL_RANK counts them as it does under torchrun.
        List<String> gpus = place.neighbours().stream()
                .map(task -> greetings.get(task).gpu())
                .filter(gpu -> !gpu.isEmpty())
                .toList();
        if (!gpus.isEmpty()) {
            environment.put("CUDA_VISIBLE_DEVICES", String.join(",", gpus));
        }
        return environment;
    }

    /**
     * Waits for the process to end.
     *
     * @param cancelled asked ten times a second
     * @return its exit code, 128 and the signal's number for one that a signal ended
     * @throws InterruptedException when {@code cancelled} or this thread is interrupted; the process is still there
     */
    int await(BooleanSupplier cancelled) throws InterruptedException {
        while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
            if (cancelled.getAsBoolean()) {
                throw new InterruptedException("cancelled");
            }
        }
        for (Thread reader : readers) {
            reader.join(OUTPUT_MILLIS);
        }
        return process.exitValue();
    }

    /** The last lines of both its outputs. */
    String lastLines() {
        return tail.text();
    }

    /** Ends the process, which has {@link #GRACE_MILLIS} to save; returns once it is gone. */
    @Override
    public void close() {
        // The handle's destroy is a signal alone; the process's own would close the pipe, and Child would halt at once.
        process.toHandle().destroy();
        boolean interrupted = awaitEnd(GRACE_MILLIS);
        process.toHandle().destroyForcibly();
        interrupted |= awaitEnd(GRACE_MILLIS);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether this thread was interrupted; that does not cut the wait short. */
    private boolean awaitEnd(long millis) {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        boolean interrupted = false;
        while (process.isAlive() && System.nanoTime() < end) {
            try {
                process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        return interrupted;
    }
}
