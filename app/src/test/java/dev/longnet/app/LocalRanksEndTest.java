package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** However ranks of this machine end, all do, nothing stays behind, and one sentence says why. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no signals")
class LocalRanksEndTest {
    private static final int TERMINATED = 128 + 15;
    private static final Duration LONGEST = Duration.ofSeconds(10);

    @TempDir
    private static Path folder;

    private static SharedStart start;

    @BeforeAll
    static void firstStep() throws IOException {
        start = new SharedStart(folder);
    }

    /** Starts a training without end and waits for its first steps. */
    private static Program training(Path run, int ranks) throws Exception {
        Program program =
                Program.start(SharedStart.goOn(run, 1_000_000, "--ranks", ranks, "--set", "train.checkpointEvery=0"));
        program.awaitLines(run, 3);
        return program;
    }

    /** Starts measurements without end, of two ranks, and waits for the first. */
    private static Program measuring() throws Exception {
        Program program = Program.start("bench", "attention", "--lengths", 999, "--repeats", 1_000_000, "--ranks", 2);
        program.await("measurements", () -> program.err().contains("measuring"));
        return program;
    }

    private static String sentence(Program program, List<ProcessHandle> ranks) throws Exception {
        return sentence(Failures.FAILED, program, ranks);
    }

    /** Waits until the program has ended with this code, and gives the one line that names a rank. */
    private static String sentence(int code, Program program, List<ProcessHandle> ranks) throws Exception {
        long start = System.nanoTime();
        Cli ended = program.join();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LONGEST);
        assertThat(ranks).noneMatch(ProcessHandle::isAlive);
        assertThat(ended.code()).as(ended.err()).isEqualTo(code);
        assertThat(ended.err()).doesNotContain("Exception", "\tat ");
        List<String> sentences =
                ended.err().lines().filter(line -> line.contains("rank")).toList();
        assertThat(sentences).as(ended.err()).hasSize(1);
        return sentences.get(0);
    }

    /** In two jobs side by side, since silence takes its time to be noticed. */
    @Test
    void stopped() throws Exception {
        try (Program one = training(start.run("stopped"), 3);
                Program other = measuring()) {
            List<ProcessHandle> ranks = one.ranks(), others = other.ranks();
            Program.signal("STOP", List.of(ranks.get(0), others.get(1)));
            String silence =
                    " on host \\S+ has given no sign of life for 5 s: its process is stopped, or its machine or"
                            + " network is lost";
            assertThat(sentence(one, ranks)).matches("longnet train: rank 0" + silence);
            assertThat(sentence(other, others)).matches("longnet bench attention: rank 1" + silence);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "0 | rank 0 \\(process \\d+ on this machine\\) was ended by signal 9",
                "1 | rank 1 on host \\S+ is gone: its process was killed or has crashed, .*",
            })
    void killed(int which, String sentence) throws Exception {
        try (Program program = measuring()) {
            List<ProcessHandle> ranks = program.ranks();
            Program.signal("KILL", ranks.subList(which, which + 1));
            assertThat(sentence(program, ranks)).matches("longnet bench attention: " + sentence);
        }
    }

    /** A case that is not to blame for it is not said to have failed, nor are those after it. */
    @Test
    void killedBetweenCases() throws Exception {
        Object[] call = Stream.concat(
                        Stream.of("verify", "--json", "--ranks", 2),
                        Collections.nCopies(1_000, Path.of("..", "core", "src", "test", "resources", "golden"))
                                .stream())
                .toArray();
        try (Program program = Program.start(call)) {
            program.await("cases", () -> !program.out().isEmpty());
            List<ProcessHandle> ranks = program.ranks();
            Program.signal("KILL", ranks.subList(1, 2));
            assertThat(sentence(program, ranks)).matches("longnet verify: rank 1 on host \\S+ is gone: .*");
            assertThat(program.out()).doesNotContain("failure");
        }
    }

    @Test
    void killedBeforeTheyMeet() throws Exception {
        try (Program program = Program.start("bench", "attention", "--ranks", 2)) {
            program.await("ranks", () -> program.ranks().size() == 2);
            List<ProcessHandle> ranks = program.ranks();
            Program.signal("KILL", ranks.subList(1, 2));
            assertThat(sentence(program, ranks))
                    .isEqualTo("longnet bench attention: rank 1 (process "
                            + ranks.get(1).pid() + " on this machine) was ended by signal 9");
        }
    }

    @Test
    void exited() throws Exception {
        try (Program program = measuring()) {
            List<ProcessHandle> ranks = program.ranks();
            Program.signal("TERM", ranks.subList(1, 2));
            assertThat(sentence(TERMINATED, program, ranks))
                    .matches(
                            "longnet bench attention: rank 1 on host \\S+ was told to stop, by a signal or System.exit,"
                                    + " before its work was done");
        }
    }

    /** As a terminal does for Ctrl-C, and as a shell's kill. */
    @ParameterizedTest
    @CsvSource({"INT,true,130", "TERM,false,143"})
    void interrupted(String signal, boolean all, int code) throws Exception {
        Path run = start.run(signal);
        try (Program program = training(run, 3)) {
            List<ProcessHandle> ranks = program.ranks(),
                    to = new ArrayList<>(List.of(program.process().toHandle()));
            if (all) {
                to.addAll(ranks);
            }
            Program.signal(signal, to);
            Cli ended = program.join();
            assertThat(ranks).noneMatch(ProcessHandle::isAlive);
            assertThat(ended.code()).as(ended.err()).isEqualTo(code);
            int saved = new RunFolder(run).savedSteps();
            assertThat(saved).isGreaterThanOrEqualTo(3);
            assertThat(ended.err())
                    .contains("stopping after this step and saving")
                    .contains("stopped after step " + saved + " and saved; go on with: longnet train --out " + run
                            + " --resume")
                    .doesNotContain("Exception");
            ended.json();
            Cli.ok(SharedStart.goOn(run, saved + 2));
            start.requireUndisturbed(run);
        }
    }

    @Test
    void oneRankInterrupted() throws Exception {
        Path run = start.run("one");
        try (Program program = training(run, 2)) {
            List<ProcessHandle> ranks = program.ranks();
            Program.signal("TERM", ranks.subList(1, 2));
            int saved = steps(sentence(TERMINATED, program, ranks));
            assertThat(new RunFolder(run).savedSteps()).isEqualTo(saved);
            Cli.ok(SharedStart.goOn(run, saved + 2));
            start.requireUndisturbed(run);
        }
    }

    private static int steps(String sentence) {
        assertThat(sentence)
                .matches("stopped after step \\d+ and saved, as another rank was told to stop; go on with: .*");
        return Integer.parseInt(sentence.replaceFirst("stopped after step (\\d+) .*", "$1"));
    }

    @Test
    void withoutTheirParentRanksEnd() throws Exception {
        try (Program program = measuring()) {
            List<ProcessHandle> ranks = program.ranks();
            program.signal("KILL");
            for (ProcessHandle rank : ranks) {
                rank.onExit().get(LONGEST.toSeconds(), TimeUnit.SECONDS);
            }
        }
    }
}
