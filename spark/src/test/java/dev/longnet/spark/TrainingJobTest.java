package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a job ends that cannot go well, with the threads of this process as Spark's executor. */
@DisabledOnOs(OS.WINDOWS)
@Timeout(60)
class TrainingJobTest {
    private static final int RANKS = 3;

    @TempDir
    Path folder;

    private ProbeJob job() {
        return new ProbeJob(folder, "local[" + RANKS + "]", folder.resolve("run"));
    }

    @Test
    void attemptsAreLimited() throws Exception {
        ProbeJob job = job();
        RankFailedException failure = catchThrowableOfType(
                RankFailedException.class,
                () -> job.run(RANKS, Map.of("spark.stage.maxConsecutiveAttempts", "2"), "--fail", "1:1:99"));

        assertThat(failure)
                .isNotInstanceOf(RefusedException.class)
                .hasMessage("the last attempt failed: rank 1 of 3 on 127.0.0.1 ended with exit code 1");
        assertThat(job.said)
                .filteredOn(
                        "rank 1 of 3 on 127.0.0.1 ended with exit code 1\n  no more memory for 7 of 13 rows"::equals)
                .hasSize(2);
        assertThat(job.out.resolve("1-2.txt")).exists();
        assertThat(job.out.resolve("2-2.txt")).doesNotExist();
    }

    @Test
    void aWrongCallIsNotTriedAgain() throws Exception {
        ProbeJob job = job();
        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> job.run(RANKS, Map.of(), "--fail", "0:2:99"));

        assertThat(refusal).hasMessageStartingWith("rank 0 of 3 on 127.0.0.1 ended with exit code 2\n");
        assertThat(refusal.exitCode()).isEqualTo(2);
        assertThat(job.out.resolve("1-0.txt")).doesNotExist();
    }

    @Test
    void aRunThatWasThereIsNotGoneOnWithUnasked() throws Exception {
        ProbeJob job = job();
        Files.createDirectories(job.out);
        Files.writeString(job.out.resolve("config.yaml"), "");
        RefusedException refusal = catchThrowableOfType(RefusedException.class, () -> job.run(RANKS, Map.of()));

        assertThat(refusal)
                .hasMessage(
                        job.out + " already holds a run; go on with --resume, or choose another --out, or delete it");
        assertThat(refusal.exitCode()).isEqualTo(1);
        assertThat(job.out.resolve("0-0.txt")).doesNotExist();

        job().run(RANKS, Map.of(), "--resume");
        assertThat(job.rank(0, 0)).containsEntry("arguments", "train --out " + job.out + " --resume");
    }

    @Test
    void tooFewSlotsAreSaid() {
        RankFailedException failure = catchThrowableOfType(
                RankFailedException.class,
                () -> job().run(RANKS + 1, Map.of("spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures", "2")));

        assertThat(failure).hasMessageStartingWith("4 ranks need 4 task slots at once");
    }

    @ParameterizedTest
    @CsvSource({"nonsense, spark.task.cpus=1", "spark://127.0.0.1, spark.task.cpus=1", "local, spark.task.cpus=0"})
    void whatSparkCannotStartWithIsAWrongCall(String master, String setting) {
        String[] words = setting.split("=");
        RefusedException refusal = catchThrowableOfType(
                RefusedException.class,
                () -> new ProbeJob(folder, master, folder.resolve("run")).run(RANKS, Map.of(words[0], words[1])));

        assertThat(refusal).hasMessageStartingWith("Spark cannot start on " + master + ": ");
        assertThat(refusal.getMessage()).hasLineCount(1);
        assertThat(refusal.exitCode()).isEqualTo(2);
    }

    @Test
    void aMasterThatDoesNotAnswerIsSaid() {
        IllegalStateException stopped = new IllegalStateException(
                "Cannot call methods on a stopped SparkContext.\nThis stopped SparkContext …");

        assertThat(TrainingJob.noCluster(stopped, "spark://a:7077"))
                .isNotInstanceOf(RefusedException.class)
                .hasMessageStartingWith("no answer from spark://a:7077; see that");
    }

    @Test
    void aFolderThatAMachineLacksIsRefused() {
        String lacking = folder.resolve("lacking").toString();
        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> RankTask.requireFolder(lacking, "b"));

        assertThat(refusal).hasMessageStartingWith(lacking + ", where longnet-spark was started, does not exist on b;");
        RankTask.requireFolder(folder.toString(), "b");
    }
}
