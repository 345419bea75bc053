package dev.longnet.spark;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A standalone cluster of Spark on this machine, from the jars of the test's class path: a master and workers. Each is a
 * {@link Child}, so that none outlives the tests, however those end.
 */
final class Cluster implements AutoCloseable {
    private final Path home;
    private final int port;
    private final List<Process> processes = new ArrayList<>();

    /** @param home an empty folder for jars, logs and work */
    Cluster(Path home) throws IOException, InterruptedException {
        this.home = home;
        Path jars = Files.createDirectory(home.resolve("jars"));
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path jar = Path.of(entry);
            if (entry.endsWith(".jar")) {
                Files.createSymbolicLink(jars.resolve(jar.getFileName()), jar);
            }
        }
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        start("127.0.0.1", "master.Master", List.of(), "--host", "127.0.0.1", "--port", Integer.toString(port));
        awaitMaster();
    }

    String url() {
        return "spark://127.0.0.1:" + port;
    }

    /**
     * Starts a worker.
     *
     * @param address one of the loopback addresses; each counts as a machine
     * @param gpus numbers of the GPUs that it says it has, one for each core
     */
    void addWorker(String address, int... gpus) throws IOException {
        Path script = home.resolve("gpus-" + address + ".sh");
        String numbers = IntStream.of(gpus).mapToObj(gpu -> "\"" + gpu + "\"").collect(Collectors.joining(","));
        Files.writeString(script, "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [" + numbers + "]}'\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        List<String> flags = List.of(
                "-Dspark.worker.resource.gpu.amount=" + gpus.length,
                "-Dspark.worker.resource.gpu.discoveryScript=" + script);
        String work = home.resolve("work-" + address).toString();
        String cores = Integer.toString(gpus.length);
        start(
                address,
                "worker.Worker",
                flags,
                List.of("--host", address, "--cores", cores, "--memory", "1g", "--work-dir", work, url())
                        .toArray(String[]::new));
    }

    private void start(String address, String main, List<String> flags, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1"));
        command.addAll(flags);
        command.addAll(List.of(
                "-cp",
                home.resolve("jars") + File.separator + "*" + File.pathSeparator + classes(),
                Child.class.getName(),
                "org.apache.spark.deploy." + main,
                "--webui-port",
                "0"));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeAll(LaunchedRank.NATIVE.keySet());
        builder.environment().put("SPARK_HOME", home.toString());
        builder.environment().put("SPARK_LOCAL_IP", address);
        builder.environment().put("SPARK_SCALA_VERSION", "2.13"); // asked for where SPARK_HOME holds nothing but jars
        Path log = home.resolve(main + "-" + address + ".log");
        processes.add(
                0,
                builder.redirectErrorStream(true).redirectOutput(log.toFile()).start());
    }

    private static Path classes() {
        return Path.of(
                Child.class.getProtectionDomain().getCodeSource().getLocation().getPath());
    }

    private void awaitMaster() throws InterruptedException {
        while (true) {
            try (Socket socket = new Socket("127.0.0.1", port)) {
                return;
            } catch (IOException e) {
                if (!processes.get(0).isAlive()) {
                    throw new UncheckedIOException("the master has ended; see " + home, e);
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
    }

    /** What executors on a worker have written to a stream so far, {@code stdout} or {@code stderr}. */
    String written(String address, String stream) throws IOException {
        StringBuilder text = new StringBuilder();
        try (var files = Files.walk(home.resolve("work-" + address))) {
            for (Path file : files.filter(f -> f.endsWith(stream)).sorted().toList()) {
                text.append(Files.readString(file));
            }
        }
        return text.toString();
    }

    @Override
    public void close() {
        for (Process process : processes) {
            List<ProcessHandle> executors = process.descendants().toList();
            process.destroyForcibly();
            executors.forEach(ProcessHandle::destroyForcibly);
            process.onExit().join();
            executors.forEach(executor -> executor.onExit().join());
        }
    }
}
