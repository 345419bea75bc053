package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Ranks on a cluster of two machines, which are two loopback addresses: three ranks of a probe that is no trainer. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class ClusterTest {
    private static final String A = "127.0.0.1";
    private static final String B = "127.0.0.2";
    private static final int RANKS = 3;

    @TempDir
    static Path home;

    private static Cluster cluster;

    @TempDir
    Path folder;

    @BeforeAll
    static void start() throws Exception {
        cluster = new Cluster(home);
        cluster.addWorker(B, 7);
        cluster.addWorker(A, 5, 2);
    }

    @AfterAll
    static void stop() {
        cluster.close();
    }

    private ProbeJob job() {
        return new ProbeJob(home, cluster.url(), folder.resolve("run"));
    }

    @Test
    void ranksFollowTheHostsAndKnowTheirPlace() throws Exception {
        ProbeJob job = job();
        job.run(
                RANKS,
                Map.of(
                        "spark.executor.cores", "1",
                        "spark.executor.resource.gpu.amount", "1",
                        "spark.task.resource.gpu.amount", "1"));

        List<String> places = new ArrayList<>();
        List<String> meetings = new ArrayList<>();
        for (int rank = 0; rank < RANKS; rank++) {
            Properties about = job.rank(0, rank);
            places.add("%s of %s, %s of %s on GPUs %s in attempt %s"
                    .formatted(
                            about.get("RANK"),
                            about.get("WORLD_SIZE"),
                            about.get("LOCAL_RANK"),
                            about.get("LOCAL_WORLD_SIZE"),
                            about.getProperty("CUDA_VISIBLE_DEVICES").replaceAll("5,2|2,5", "both"),
                            about.get("LONGNET_ATTEMPT")));
            meetings.add(about.get("MASTER_ADDR") + ":" + about.get("MASTER_PORT"));
            assertThat(about)
                    .containsAllEntriesOf(LaunchedRank.NATIVE)
                    .containsEntry("arguments", "train --out " + job.out)
                    .containsEntry("folder", Path.of("").toAbsolutePath().toString());
            assertThat(about.getProperty("classPath").split(File.pathSeparator))
                    .extracting(jar -> Path.of(jar).getFileName().toString())
                    .containsExactly("probe.jar", "spark.jar");
        }
        assertThat(places)
                .containsExactly(
                        "0 of 3, 0 of 2 on GPUs both in attempt 0",
                        "1 of 3, 1 of 2 on GPUs both in attempt 0",
                        "2 of 3, 0 of 1 on GPUs 7 in attempt 0");
        assertThat(meetings).containsOnly(meetings.get(0)).first().asString().matches("127\\.0\\.0\\.1:[1-9]\\d+");
        assertThat(job.rank(0, 0).get("CUDA_VISIBLE_DEVICES"))
                .isEqualTo(job.rank(0, 1).get("CUDA_VISIBLE_DEVICES"));
        assertThat(job.said).containsExactly("attempt 1: 2 ranks on 127.0.0.1, 1 rank on 127.0.0.2");
        assertThat(cluster.written(A, "stdout")).contains("to the output");
        assertThat(cluster.written(A, "stderr")).contains("to the error output");
    }

    @Test
    void aFailedRankIsToldOfAndAllGoOnInANewAttempt() throws Exception {
        ProbeJob job = job();
        job.run(RANKS, Map.of(), "--fail", "2:3:1");

        assertThat(job.said)
                .containsExactly(
                        "attempt 1: 2 ranks on 127.0.0.1, 1 rank on 127.0.0.2",
                        "rank 2 of 3 on 127.0.0.2 ended with exit code 3\n  no more memory for 7 of 13 rows",
                        "attempt 2: 2 ranks on 127.0.0.1, 1 rank on 127.0.0.2");
        for (int rank = 0; rank < RANKS; rank++) {
            assertThat(job.rank(0, rank).getProperty("arguments")).doesNotContain("--resume");
            assertThat(job.rank(1, rank))
                    .containsEntry("arguments", "train --out " + job.out + " --fail 2:3:1 --resume")
                    .containsEntry("LONGNET_ATTEMPT", "1")
                    .containsEntry("RANK", Integer.toString(rank));
        }
    }

    @Test
    void ranksGoDownWithTheirExecutorAndSaveWhenTheDriverIsInterrupted() throws Exception {
        ProbeJob job = job();
        Process driver = sleepers(job);
        List<ProcessHandle> first = processes(job, 0);

        first.get(2).parent().orElseThrow().destroyForcibly();
        List<ProcessHandle> second = processes(job, 1);
        assertThat(first).noneMatch(ProcessHandle::isAlive);
        assertThat(job.out.resolve("0-0.saved")).exists();
        assertThat(job.out.resolve("0-2.saved")).doesNotExist();

        driver.destroy();
        awaitEnd(second);
        for (int rank = 0; rank < RANKS; rank++) {
            assertThat(job.out.resolve("1-" + rank + ".saved")).exists();
        }
        awaitEnd(List.of(driver.toHandle()));
    }

    @Test
    void ranksGoDownWithTheDriver() throws Exception {
        ProbeJob job = job();
        Process driver = sleepers(job);
        List<ProcessHandle> ranks = processes(job, 0);

        driver.destroyForcibly();
        awaitEnd(ranks);
    }

    /** A driver in a process of its own, whose ranks sleep. */
    private Process sleepers(ProbeJob job) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        ProbeJob.class.getName(),
                        home.toString(),
                        cluster.url(),
                        job.out.toString(),
                        Integer.toString(RANKS),
                        "--sleep")
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("driver.log").toFile())
                .start();
    }

    private static List<ProcessHandle> processes(ProbeJob job, int attempt) throws Exception {
        List<ProcessHandle> processes = new ArrayList<>();
        for (int rank = 0; rank < RANKS; rank++) {
            processes.add(job.process(attempt, rank));
        }
        return processes;
    }

    private static void awaitEnd(List<ProcessHandle> processes) throws Exception {
        for (ProcessHandle process : processes) {
            process.onExit().get(60, TimeUnit.SECONDS);
        }
    }
}
