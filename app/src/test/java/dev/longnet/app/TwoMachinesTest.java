package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.app.LaunchedRanks.Launched;
import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Training over two machines that are started by hand, and what becomes of it when one, or the network, is lost. */
@EnabledOnOs(OS.LINUX)
class TwoMachinesTest {
    private static final int SILENCE = 3;

    @TempDir
    private Path folder;

    private RunFolder run;
    private TwoMachines machines;
    private LaunchedRanks ranks;

    @BeforeEach
    void open() throws Exception {
        String obstacle = TwoMachines.obstacle();
        assumeTrue(obstacle == null, obstacle);
        run = new RunFolder(folder.resolve("x"));
        ranks = new LaunchedRanks(folder);
        machines = new TwoMachines(folder);
    }

    @AfterEach
    void close() throws IOException {
        if (machines != null) {
            ranks.close();
            machines.close();
        }
    }

    /** One rank for each letter, which says where. */
    private List<Launched> train(String where, int steps) throws IOException {
        List<Launched> all = new ArrayList<>();
        for (int rank = 0; rank < where.length(); rank++) {
            char machine = where.charAt(rank);
            Map<String, String> variables = Map.of(
                    "RANK", String.valueOf(rank),
                    "WORLD_SIZE", String.valueOf(where.length()),
                    "LOCAL_RANK", String.valueOf(rank - where.indexOf(machine)),
                    "LOCAL_WORLD_SIZE",
                            String.valueOf(
                                    where.chars().filter(c -> c == machine).count()),
                    "MASTER_ADDR", "machine-a",
                    "MASTER_PORT", "29500",
                    "LONGNET_SILENCE_SECONDS", String.valueOf(SILENCE));
            List<String> command = machines.on(machine, "./longnet", "train", "--data", "text", "--out", "x");
            all.add(ranks.start(steps, variables, command));
        }
        return all;
    }

    /** Rank 0's machine takes its own name for the loopback, and the other one must not. */
    @Test
    void ranksOfTwoMachinesMeetAndTrain() throws Exception {
        for (Launched rank : train("aab", 3)) {
            rank.expectSuccess();
        }
        LaunchedRanks.expectTrained(run, 3, 3);
    }

    @Test
    void aRankThatIsKilledIsNamedWithItsMachine() throws Exception {
        List<Launched> all = train("ab", 1_000_000);
        ranks.awaitSteps(run);
        all.get(1).process().destroyForcibly();
        expectEnd(all.get(0), "rank 1 on host machine-b is gone");
    }

    @Test
    void bothEndsOfACutCableEnd() throws Exception {
        List<Launched> all = train("ab", 1_000_000);
        ranks.awaitSteps(run);
        machines.cut();
        String sentence = " has given no sign of life for " + SILENCE + " s";
        expectEnd(all.get(0), "rank 1 on host machine-b" + sentence);
        expectEnd(all.get(1), "rank 0 on host machine-a" + sentence);
    }

    private static void expectEnd(Launched rank, String message) throws Exception {
        long start = System.nanoTime();
        assertThat(rank.await()).as(rank.output()).isEqualTo(Failures.FAILED);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(SILENCE + 7));
        assertThat(rank.output()).contains(message);
    }
}
