package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.InvalidArgumentException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What launchers set is read, and what they leave out is named. */
class LauncherVariablesTest {
    private static final String TORCHRUN =
            "HOSTNAME=b RANK=5 WORLD_SIZE=7 LOCAL_RANK=1 LOCAL_WORLD_SIZE=3 MASTER_ADDR=a MASTER_PORT=29500";
    private static final String SLURM = "SLURMD_NODENAME=gpu03 SLURM_JOB_ID=4711 SLURM_STEP_ID=2 SLURM_PROCID=9"
            + " SLURM_STEP_NUM_TASKS=11 SLURM_LOCALID=1 SLURM_NODEID=2 SLURM_STEP_TASKS_PER_NODE=4(x2),3"
            + " SLURM_STEP_NODELIST=gpu[01-03]";
    private static final String KUBERNETES =
            "HOSTNAME=job-3 JOB_COMPLETION_INDEX=3 WORLD_SIZE=4 MASTER_ADDR=job-0.job MASTER_PORT=29500";

    private static Map<String, String> variables(String text) {
        Map<String, String> variables = new TreeMap<>();
        for (String pair : text.split(" ")) {
            if (!pair.isEmpty()) {
                variables.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
            }
        }
        return variables;
    }

    private static RankPlace place(String text) {
        return LauncherVariables.read(variables(text)).orElseThrow();
    }

    private static void expectMistake(String text, String... words) {
        assertThatThrownBy(() -> LauncherVariables.read(variables(text)))
                .isInstanceOf(InvalidArgumentException.class)
                .hasMessageContainingAll(words);
    }

    @Test
    void torchrun() {
        assertThat(place(TORCHRUN)).isEqualTo(new RankPlace(5, 7, 1, 3, "b", "a", 29500, ""));
        assertThat(place(TORCHRUN + " LONGNET_ATTEMPT=2").attempt()).isEqualTo("2");
        assertThat(place(TORCHRUN + " " + SLURM).rank()).isEqualTo(5);
    }

    @Test
    void slurm() {
        assertThat(place(SLURM)).isEqualTo(new RankPlace(9, 11, 1, 3, "gpu03", "gpu01", 24713, "4711.2.0"));
        assertThat(place(SLURM + " MASTER_ADDR=x MASTER_PORT=7 SLURM_RESTART_COUNT=1"))
                .isEqualTo(new RankPlace(9, 11, 1, 3, "gpu03", "x", 7, "4711.2.1"));
        assertThat(place(SLURM.replace("gpu[01-03]", "a1,b[2-4]")).masterAddress())
                .isEqualTo("a1");
        assertThat(place(SLURM.replace("gpu[01-03]", "r1n[7,9]-ib,x")).masterAddress())
                .isEqualTo("r1n7-ib");
        assertThat(place(SLURM.replace("STEP_NUM_TASKS", "NTASKS").replace("NODEID=2", "NODEID=1"))
                        .localSize())
                .isEqualTo(4);
        expectMistake(SLURM + " WORLD_SIZE=4", "WORLD_SIZE is 4", "11 tasks");
        expectMistake(SLURM.replace("NODEID=2", "NODEID=3"), "has no node 3");
    }

    @Test
    void kubernetes() {
        assertThat(place(KUBERNETES)).isEqualTo(new RankPlace(3, 4, 0, 1, "job-3", "job-0.job", 29500, ""));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "HOSTNAME=a RANK= WORLD_SIZE=",
                "JOB_COMPLETION_INDEX=3",
                "SLURM_JOB_ID=1 SLURM_NTASKS=8 SLURM_PROCID=0",
                "SLURM_JOB_ID=1 SLURM_NTASKS=8 SLURM_PROCID=0 MASTER_ADDR=a MASTER_PORT=29500",
                "SLURM_JOB_ID=1 SLURM_NTASKS=8 SLURM_STEP_ID=4294967290", // a shell of salloc
                "SLURM_JOB_ID=1 SLURM_NTASKS=8 SLURM_STEP_ID=4294967291" // a batch script
            })
    void nobodyHasLaunchedIt(String text) {
        assertThat(LauncherVariables.read(variables(text))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
    void whatIsMissingIsNamed(String name) {
        expectMistake(TORCHRUN.replaceAll(" " + name + "=\\S+", ""), name + " is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
    void whatIsMissingOfAnIndexedJobIsNamed(String name) {
        expectMistake(
                KUBERNETES.replaceAll(" " + name + "=\\S+", ""), name + " is missing beside JOB_COMPLETION_INDEX");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SLURM_JOB_ID",
                "SLURM_PROCID",
                "SLURM_STEP_NUM_TASKS",
                "SLURM_LOCALID",
                "SLURM_NODEID",
                "SLURM_STEP_TASKS_PER_NODE",
                "SLURM_STEP_NODELIST"
            })
    void whatIsMissingOfAStepIsNamed(String name) {
        expectMistake(SLURM.replaceAll(" " + name + "=\\S+", ""), name + " is missing", "srun");
    }

    @ParameterizedTest
    @CsvSource({
        "RANK=5, RANK=x, RANK must be a whole number",
        "RANK=5, RANK=-1, RANK must be a whole number",
        "RANK=5, RANK=7, 'numbered 0 to 6, got 7; correct RANK'",
        "RANK=5, RANK=99999999999, RANK is 99999999999",
        "WORLD_SIZE=7, WORLD_SIZE=0, set WORLD_SIZE",
        "LOCAL_RANK=1, LOCAL_RANK=3, correct LOCAL_RANK",
        "LOCAL_WORLD_SIZE=3, LOCAL_WORLD_SIZE=8, correct LOCAL_WORLD_SIZE",
        "MASTER_PORT=29500, MASTER_PORT=65536, set MASTER_PORT",
        "MASTER_PORT=29500, MASTER_PORT=0, set MASTER_PORT"
    })
    void whatIsWrongIsNamed(String right, String wrong, String words) {
        expectMistake((TORCHRUN + " ").replace(" " + right + " ", " " + wrong + " "), words);
    }

    @Test
    void aRankIsNotBeforeItsPlaceOnItsMachine() {
        expectMistake(TORCHRUN.replace("RANK=5", "RANK=0"), "rank 0 cannot be number 1 on its machine");
    }

    /** A container's name is known to the kernel alone, and often to no name service. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aHostIsCalledWhatItsKernelCallsIt() throws IOException {
        Process name = new ProcessBuilder("uname", "-n").start();
        String kernels = new String(name.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(place(TORCHRUN.replace("HOSTNAME=b ", "")).host()).isEqualTo(kernels);
    }

    @Test
    void limits() {
        assertThat(RankLimits.of(Map.of())).isEqualTo(RankLimits.DEFAULT);
        assertThat(RankLimits.of(
                        variables("LONGNET_MEETING_SECONDS=7 LONGNET_COLLECTIVE_SECONDS=8 LONGNET_SILENCE_SECONDS=9")))
                .isEqualTo(new RankLimits(Duration.ofSeconds(7), Duration.ofSeconds(8), Duration.ofSeconds(9)));
        for (String wrong : new String[] {"0", "1.5", "x", "-1", "999999999"}) {
            assertThatThrownBy(() -> RankLimits.of(Map.of("LONGNET_SILENCE_SECONDS", wrong)))
                    .isInstanceOf(InvalidArgumentException.class)
                    .hasMessageContaining("LONGNET_SILENCE_SECONDS");
        }
    }
}
