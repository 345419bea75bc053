package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;

/** A job of {@link Probe}s, and what they left in their folder. */
final class ProbeJob {
    private static final long PATIENCE_NANOS = 60_000_000_000L;

    private final Path home;
    private final String master;
    final Path out;
    final List<String> said = Collections.synchronizedList(new ArrayList<>());

    /**
     * @param home where the jars are made
     * @param out the run folder
     */
    ProbeJob(Path home, String master, Path out) {
        this.home = home;
        this.master = master;
        this.out = out;
    }

    /** Runs a job in a JVM of its own: home, master, out, ranks and the probe's further arguments. */
    public static void main(String[] args) throws IOException {
        new ProbeJob(Path.of(args[0]), args[1], Path.of(args[2]))
                .run(
                        Integer.parseInt(args[3]),
                        Map.of(),
                        List.of(args).subList(4, args.length).toArray(String[]::new));
    }

    void run(int ranks, Map<String, String> settings, String... arguments) throws IOException {
        SparkConf conf = new SparkConf()
                .setMaster(master)
                .set("spark.driver.host", "127.0.0.1")
                .set("spark.ui.enabled", "false")
                .set("spark.executor.memory", "480m")
                .set("spark.executor.extraJavaOptions", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1");
        settings.forEach(conf::set);
        List<String> all = new ArrayList<>(List.of("train", "--out", out.toString()));
        all.addAll(List.of(arguments));
        Path module = jar(Child.class, "spark.jar");
        new TrainingJob(List.of(jar(Probe.class, "probe.jar")), module, Probe.class.getName(), all, ranks)
                .run(conf, said::add);
    }

    /** Packs the classes that lie beside a class. */
    private Path jar(Class<?> member, String name) throws IOException {
        Path jar = home.resolve(name);
        if (Files.exists(jar)) {
            return jar;
        }
        Path classes = Path.of(
                member.getProtectionDomain().getCodeSource().getLocation().getPath());
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream packed = new JarOutputStream(file);
                Stream<Path> members = Files.walk(classes)) {
            for (Path path : members.filter(Files::isRegularFile).toList()) {
                packed.putNextEntry(new JarEntry(classes.relativize(path).toString()));
                Files.copy(path, packed);
                packed.closeEntry();
            }
        }
        return jar;
    }

    /** What a rank wrote about itself in an attempt; waits until it has. */
    Properties rank(int attempt, int rank) throws IOException, InterruptedException {
        Path file = out.resolve(attempt + "-" + rank + ".txt");
        for (long end = System.nanoTime() + PATIENCE_NANOS; !Files.exists(file); Thread.sleep(50)) {
            assertThat(System.nanoTime()).as("no %s; said: %s", file, said).isLessThan(end);
        }
        Properties about = new Properties();
        for (String line : Files.readAllLines(file)) {
            int equals = line.indexOf('=');
            about.setProperty(line.substring(0, equals), line.substring(equals + 1));
        }
        return about;
    }

    ProcessHandle process(int attempt, int rank) throws IOException, InterruptedException {
        return ProcessHandle.of(Long.parseLong(rank(attempt, rank).getProperty("pid")))
                .orElseThrow();
    }
}
