package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Commands over several ranks of this machine do what one rank does. */
class LocalRanksTest {
    @TempDir
    private static Path folder;

    private static SharedStart start;

    @BeforeAll
    static void firstStep() throws IOException {
        start = new SharedStart(folder);
    }

    /** Runs a command that works. */
    private static Cli ok(Object... arguments) throws Exception {
        try (Program program = Program.start(arguments)) {
            Cli ended = program.join();
            assertThat(ended.code()).as(ended.err()).isZero();
            return ended;
        }
    }

    @ParameterizedTest
    @CsvSource({"4,4", "4,2"})
    void trainingGivesTheLossesOfOneRank(int ranks, int sequenceRanks) throws Exception {
        Path run = start.run(ranks + " by " + sequenceRanks);
        Cli ended = ok(SharedStart.goOn(run, 6, "--ranks", ranks, "--sequence-ranks", sequenceRanks));
        List<JsonNode> lines = ended.json();
        assertThat(lines.get(0).get("step").asInt()).isEqualTo(2);
        assertThat(lines.get(lines.size() - 1).get("complete").asBoolean()).isTrue();
        start.requireUndisturbed(run);
    }

    @Test
    void aRunGoesOnWithAnotherNumberOfRanks() throws Exception {
        Path run = start.run("2, 1, 3");
        ok(SharedStart.goOn(run, 3, "--ranks", 2));
        Cli.ok(SharedStart.goOn(run, 4));
        ok(SharedStart.goOn(run, 6, "--ranks", 3));
        start.requireUndisturbed(run);
    }

    private static Map<String, String> variables(int rank, int size, int port) {
        return Map.of(
                "RANK",
                "" + rank,
                "WORLD_SIZE",
                "" + size,
                "LOCAL_RANK",
                "" + rank,
                "LOCAL_WORLD_SIZE",
                "" + size,
                "MASTER_ADDR",
                "localhost",
                "MASTER_PORT",
                "" + port);
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    @Test
    void aLauncherSaysWhichRankItIs() throws Exception {
        Path run = start.run("launcher");
        int port = freePort();
        List<Program> ranks = new ArrayList<>();
        try {
            for (int rank = 0; rank < 2; rank++) {
                ranks.add(Program.start(variables(rank, 2, port), SharedStart.goOn(run, 4)));
            }
            for (Program rank : ranks) {
                Cli ended = rank.join();
                assertThat(ended.code()).as(ended.err()).isZero();
            }
            assertThat(ranks.get(0).out()).contains("\"complete\":true");
            Program other = ranks.get(1); // only the first speaks
            assertThat(other.out().lines().filter(line -> !line.startsWith("[Gloo]")))
                    .isEmpty();
            assertThat(other.err()).isEmpty();
        } finally {
            ranks.forEach(Program::close);
        }
        start.requireUndisturbed(run);
    }

    /** Machines without a common disk: one has the run, the other its configuration alone. */
    @Test
    void aRunAtItsLastStepEndsWhereOneRankAloneHasIt() throws Exception {
        Path run = start.run("whole"), other = Files.createDirectory(folder.resolve("configuration"));
        Files.copy(run.resolve("config.yaml"), other.resolve("config.yaml"));
        int port = freePort();
        try (Program first = Program.start(variables(0, 2, port), SharedStart.goOn(run, 1));
                Program second = Program.start(variables(1, 2, port), SharedStart.goOn(other, 1))) {
            for (Program rank : List.of(first, second)) {
                Cli ended = rank.join();
                assertThat(ended.code()).as(ended.err()).isZero();
            }
            assertThat(first.out()).contains("\"step\":1,\"complete\":true");
        }
    }

    @Test
    void recordedCasesHoldOverRanks() throws Exception {
        Path golden = Path.of("..", "core", "src", "test", "resources", "golden");
        Cli ended = ok(
                "verify",
                golden.resolve("attention_geometric_causal.safetensors"),
                golden.resolve("attention_length_not_divisible_by_segment.safetensors"),
                "--ranks",
                3,
                "--json");
        assertThat(ended.json()).hasSize(4).allSatisfy(result -> {
            assertThat(result.get("ok").asBoolean()).isTrue();
            assertThat(result.has("skipped")).isFalse();
        });
    }

    @Test
    void attentionIsMeasuredOverRanks() throws Exception {
        Object[] call = {"bench", "attention", "--lengths", 1001, "--repeats", 1, "--ranks", 2, "--json"};
        List<JsonNode> lines = ok(call).json();
        assertThat(lines).hasSize(2).allSatisfy(line -> {
            assertThat(line.get("ranks").asInt()).isEqualTo(2);
            assertThat(line.get("sentBytes").asLong()).isPositive();
        });
    }

    /** Gradients and weights are as many at any length, keys and values are not. */
    @Test
    void whatAttentionSendsIsCountedInTraining() throws Exception {
        List<JsonNode> lines = ok("bench", "train", "--lengths", "99,199", "--repeats", 1, "--ranks", 2, "--json")
                .json();
        assertThat(lines.get(1).get("sentBytes").asLong())
                .isGreaterThan(lines.get(0).get("sentBytes").asLong());
    }

    /** Runs a command that is refused before anything is written; returns its sentence. */
    private static String refused(Map<String, String> environment, Object... arguments) throws Exception {
        Map<String, String> before = Cli.state(folder);
        try (Program program = Program.start(environment, arguments)) {
            Cli ended = program.join();
            assertThat(ended.code()).as(ended.err()).isEqualTo(Failures.WRONG_CALL);
            assertThat(ended.out()).isEmpty();
            assertThat(ended.err()).doesNotContain("\tat ", "Exception");
            List<String> sentences = ended.err()
                    .lines()
                    .filter(line -> line.startsWith("longnet "))
                    .toList();
            assertThat(sentences).as(ended.err()).hasSize(1);
            assertThat(Cli.state(folder)).isEqualTo(before);
            return sentences.get(0);
        }
    }

    /** The launcher's descriptor 3 is an open file of the JDK in a rank, which would append its results to it. */
    @Test
    void ranksDoNotWriteToWhereTheirLauncherDoes() {
        assertThat(LocalRanks.flags(List.of("-Xmx2g", "-Dlongnet.output=/dev/fd/3", "-Dlongnet.columns=0")))
                .containsExactly("-Xmx2g", "-Dlongnet.columns=0");
    }

    @Test
    void theOnlyProcessOfALauncherStartsRanks() throws Exception {
        Map<String, String> alone = variables(0, 1, freePort());
        try (Program program = Program.start(
                alone,
                "bench",
                "attention",
                "--forward-only",
                "--lengths",
                99,
                "--repeats",
                1,
                "--ranks",
                2,
                "--json")) {
            Cli ended = program.join();
            assertThat(ended.code()).as(ended.err()).isZero();
            assertThat(ended.json())
                    .hasSize(1)
                    .allSatisfy(line -> assertThat(line.get("ranks").asInt()).isEqualTo(2));
        }
    }

    @Test
    void aBatchThatCannotBeSharedIsRefused() throws Exception {
        Path run = folder.resolve("z");
        Object[] call = {
            "train",
            "--data",
            folder.resolve("text"),
            "--out",
            run,
            "--config",
            folder.resolve("tiny.yaml"),
            "--ranks",
            2,
            "--sequence-ranks",
            1
        };
        assertThat(refused(Map.of(), call))
                .contains("train.batch 1 cannot be shared by 2 groups of ranks; use a multiple of 2");
        assertThat(run).doesNotExist();
    }

    @Test
    void aLauncherThatSaysHalfOfItIsRefused() throws Exception {
        assertThat(refused(Map.of("RANK", "0"), "bench", "attention", "--lengths", 99))
                .contains("WORLD_SIZE is missing beside the other variables of a rank");
    }

    @Test
    void aLauncherThatSaysSomethingElseIsRefused() throws Exception {
        assertThat(refused(variables(0, 2, freePort()), "bench", "attention", "--lengths", 99, "--ranks", 3))
                .contains("--ranks 3 and a launcher that has started 2 do not fit");
    }
}
