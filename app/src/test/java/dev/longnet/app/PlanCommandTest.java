package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanCommandTest {
    @TempDir
    private Path folder;

    @Test
    void aBillionTokensOnEightToAThousandGpus() {
        List<String> lines = Cli.ok("plan").out().lines().toList();
        assertThat(lines.get(0)).startsWith("These are predictions: nothing in them was measured");
        assertThat(lines.get(1)).contains("training step of 12 × 768 (124M parameters)", "1073741824:524288", "causal");
        assertThat(lines.get(2)).contains("tokens a GPU", "step", "waiting for links", "GPU memory", "fits");
        assertThat(lines.subList(3, 11)).allMatch(line -> line.contains("1g"));
        assertThat(lines.get(3)).contains(" 8 ", "128m", "offloaded").endsWith("no");
        assertThat(lines.get(10)).contains("1024", "1m", "recomputed").endsWith("yes");
        assertThat(lines.get(11)).isEqualTo("What they rest on:");
        assertThat(lines.subList(12, lines.size())).hasSizeGreaterThan(8).allMatch(line -> line.startsWith("- "));
    }

    /** docs/plan.md shows the table and the assumptions as the command writes them. */
    @Test
    void thePageShowsWhatTheCommandSays() throws IOException {
        List<String> page = Files.readAllLines(Path.of("..", "docs", "plan.md"));
        for (String line : Cli.ok("plan").out().lines().toList()) {
            String shown = line.startsWith("- ") ? line : "    " + line;
            assertThat(line.equals("What they rest on:") || page.contains(shown))
                    .as(shown)
                    .isTrue();
        }
    }

    @Test
    void jsonIsAPredictionALineAndWhatTheyRestOn() {
        Cli plan = Cli.ok("plan", "--json", "--lengths", "100k,1m", "--ranks", "3,8");
        assertThat(plan.err()).isEmpty();
        List<JsonNode> lines = plan.json();
        assertThat(lines).hasSize(6);
        assertThat(lines.subList(0, 4))
                .extracting(line -> line.get("length").asLong() + " " + line.get("ranks"))
                .containsExactly("102400 3", "102400 8", "1048576 3", "1048576 8");
        JsonNode first = lines.get(0);
        assertThat(first.get("direction").asText()).isEqualTo("training step");
        assertThat(first.get("tokensPerRank").asLong()).isEqualTo(34_134);
        assertThat(first.get("pattern").asText()).endsWith(",102400:50");
        assertThat(first.get("activations").asText()).isEqualTo("kept");
        assertThat(first.get("fits").asBoolean()).isTrue();
        double sum = 0;
        for (JsonNode part : first.get("parts")) {
            sum += part.asDouble();
        }
        assertThat(first.get("seconds").asDouble()).isCloseTo(sum, Offset.offset(1e-12));
        JsonNode basis = lines.get(5);
        assertThat(basis.get("predicted").asBoolean()).isTrue();
        assertThat(basis.get("length").asLong()).isEqualTo(1 << 20);
        assertThat(basis.get("configuration").get("machine.gpus").asText()).isEqualTo("8");
        assertThat(basis.get("assumptions").size()).isGreaterThan(8);
    }

    @Test
    void settingsGoOverTheFileAndTheFileOverTheMachine() throws IOException {
        Path file = folder.resolve("plan.yaml");
        Files.writeString(file, "model:\n  pattern: 64:1,4096:3\n  layers: 3\nmachine:\n  gpus: 2\n  nodeLink: 99\n");
        List<JsonNode> lines = Cli.ok(
                        "plan",
                        "--json",
                        "--machine",
                        "h100",
                        "--config",
                        file,
                        "--set",
                        "machine.gpus=4",
                        "--ranks",
                        "2",
                        "--lengths",
                        "5001",
                        "--activations",
                        "offloaded")
                .json();
        JsonNode keys = lines.get(1).get("configuration");
        assertThat(keys.get("machine.gpus").asText()).isEqualTo("4");
        assertThat(keys.get("machine.nodeLink").asText()).isEqualTo("99.0");
        assertThat(keys.get("machine.memory").asText()).isEqualTo("78.0");
        assertThat(keys.get("model.layers").asText()).isEqualTo("3");
        assertThat(lines.get(0).get("pattern").asText()).isEqualTo("64:1,4096:3");
        assertThat(lines.get(0).get("activations").asText()).isEqualTo("offloaded");
    }

    @Test
    void theForwardPassAlone() {
        Cli plan = Cli.ok("plan", "--forward-only", "--lengths", "4k", "--ranks", "1,2");
        assertThat(plan.out()).contains("forward pass of 12 × 768", " ms ").doesNotContain("ZeRO", "training step of");
        assertThat(Cli.ok("plan", "--forward-only", "--json", "--ranks", "8")
                        .json()
                        .get(0)
                        .get("activations")
                        .isNull())
                .isTrue();
    }

    @Test
    void helpListsTheKeysOfModelAndMachineAlone() {
        String help = Cli.ok("plan", "--help").out();
        assertThat(help).contains("machine.networkLink=40.0", "model.layers=12").doesNotContain("  train.steps=");
        assertThat(Cli.ok("train", "--help").out()).contains("  train.steps=").doesNotContain("machine.gpus");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "plan --lengths 0                     | length must lie between 1 and 1099511627776 (1024g), got 0",
                "plan --lengths 2000g                 | length must lie between 1 and",
                "plan --lengths 5 --ranks 8           | 8 ranks cannot share 5 tokens",
                "plan --lengths 1x                    | \"1x\" is not a whole number",
                "plan --ranks 0                       | ranks must lie between 1 and 1048576, got 0",
                "plan --ranks 8,9g                    | outside of -2^31",
                "plan --machine tpu                   | machine \"tpu\" is not known; use h200 or h100",
                "plan --activations lost              | --activations",
                "plan --forward-only --activations kept | --forward-only",
                "plan --set train.steps=5             | unknown key train",
                "plan --set machine.gpu=5             | did you mean machine.gpus?",
                "plan --set machine.gpus=0            | machine.gpus must be positive, got 0",
                "plan --set machine.memory=fast       | is not a number",
                "plan --set model.vocabulary=0        | model.vocabulary must be positive to plan",
                "plan --set model.heads=5             | not a multiple of heads 5",
                "plan --set model.pattern=8           | \"8\"",
                "plan --set model.pattern=3:8         | ratio 8 is larger than its segment 3",
                "plan --model x                       | unknown option --model",
                "plan now                             | unknown argument now",
            })
    void wrongInputIsOneSentenceAndCode2(String line, String message) {
        assertThat(Cli.refused(2, (Object[]) line.split(" "))).contains(message);
    }

    @Test
    void aMissingFileIsOneSentenceAndCode1() {
        assertThat(Cli.refused(1, "plan", "--config", folder.resolve("none.yaml")))
                .contains("does not exist");
    }

    /** A plan is made where nobody wants to wait, and may be made where there is no libtorch. */
    @Test
    void plansDoNotLoadLibtorch() throws Exception {
        String classes = Cli.loading("plan", "--ranks", "8");
        assertThat(classes)
                .contains("dev.longnet.plan.Planner", "What they rest on:")
                .doesNotContain("org.bytedeco");
    }
}
