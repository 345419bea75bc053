package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlanCommandTest {
    @TempDir
    private Path folder;

    private static final String MANY = "8,16,32,64,128,256,512,1024";

    @Test
    void aBillionTokensOnEightToAThousandGpus() {
        List<String> lines = Cli.ok("plan", "--tokens", "1g", "--devices", MANY)
                .out()
                .lines()
                .toList();
        assertThat(lines.get(0)).startsWith("These are predictions: nothing in them was measured");
        assertThat(lines.get(1)).contains("training step of 12 × 768 (124M parameters)", "1073741824:524288", "causal");
        assertThat(lines.get(2))
                .contains("tokens a device", "step", "waiting for links", "memory", "fits", "dense: time");
        assertThat(lines.subList(3, 11)).allMatch(line -> line.contains("1g"));
        assertThat(lines.get(3)).contains(" 8 ", "128m", "offloaded", " no ", "years");
        assertThat(lines.get(10)).contains("1024", "1m", "recomputed", " yes ", "days");
        assertThat(lines.get(11)).isEqualTo("What they rest on:");
        assertThat(lines.subList(12, lines.size())).hasSizeGreaterThan(8).allMatch(line -> line.startsWith("- "));
    }

    /** docs/plan.md shows tables and assumptions as the command writes them. */
    @ParameterizedTest
    @ValueSource(strings = {"plan", "plan --read", "plan --tokens 1g --devices " + MANY})
    void thePageShowsWhatTheCommandSays(String call) throws IOException {
        List<String> page = Files.readAllLines(Path.of("..", "docs", "plan.md"));
        for (String line : Cli.ok((Object[]) call.split(" ")).out().lines().toList()) {
            String shown = line.startsWith("- ") ? line : "    " + line;
            assertThat(line.equals("What they rest on:") || page.contains(shown))
                    .as(shown)
                    .isTrue();
        }
    }

    @Test
    void fromEightThousandTokensToABillion() {
        List<JsonNode> lines = Cli.ok("plan", "--json").json();
        assertThat(lines).hasSize(14);
        assertThat(lines.get(0).get("length").asLong()).isEqualTo(8192);
        assertThat(lines.get(6).get("length").asLong()).isEqualTo(1_000_000_000);
        for (JsonNode line : lines.subList(1, 7)) {
            assertThat(line.get("dense").get("seconds").asDouble())
                    .isGreaterThan(line.get("seconds").asDouble());
        }
    }

    @Test
    void readingATextOfABillionTokens() {
        List<JsonNode> lines = Cli.ok("plan", "--read", "--tokens", "1B,1m", "--piece", "64k", "--json")
                .json();
        JsonNode read = lines.get(0);
        assertThat(read.get("direction").asText()).isEqualTo("read");
        assertThat(read.get("tokensPerRank").asLong()).isEqualTo(65_536);
        assertThat(read.get("pattern").asText()).isEqualTo("2048:1,16384:8...");
        assertThat(read.get("fits").asBoolean()).isTrue();
        assertThat(read.get("stateBytes").asLong()).isBetween(300L << 20, 500L << 20);
        // Dense attention keeps everything: 2 · 2 bytes · 12 · 768 a token.
        assertThat(read.get("dense").get("memoryBytes").asDouble()).isGreaterThan(36_864e9);
        assertThat(read.get("dense").get("fits").asBoolean()).isFalse();
        double aToken = read.get("seconds").asDouble() / 1e9;
        assertThat(lines.get(1).get("seconds").asDouble() / (1 << 20)).isCloseTo(aToken, Percentage.withPercentage(5));
    }

    @Test
    void modelsByNameAndOfARun() throws IOException {
        Path run = folder.resolve("run");
        Files.createDirectory(run);
        Files.writeString(run.resolve("config.yaml"), Cli.TINY + "  precision: bfloat16\n");
        JsonNode keys = Cli.ok("plan", "--model", run, "--tokens", "24", "--json")
                .json()
                .get(1)
                .get("configuration");
        assertThat(keys.get("model.embedding").asText()).isEqualTo("16");
        assertThat(keys.get("model.vocabulary").asText()).isEqualTo("256");
        assertThat(keys.get("model.pattern").asText()).contains("8:1,24:3");
        assertThat(Cli.ok("plan", "--model", "1.3B", "--tokens", "8k").out()).contains("24 × 2048 (1.31B parameters)");
        assertThat(Cli.ok("plan", "--model", "350m", "--pattern", "1k:1,8k:8", "--tokens", "8k")
                        .out())
                .contains("24 × 1024", "pattern 1024:1,8192:8");
    }

    /** Rates are measured, so numbers differ from machine to machine and time to time. */
    @Test
    void thisMachine() {
        Cli plan = Cli.ok(
                "plan",
                "--device",
                "cpu",
                "--model",
                "quickstart",
                "--pattern",
                "64:1,512:8",
                "--tokens",
                "1k,100k",
                "--json");
        List<JsonNode> lines = plan.json();
        JsonNode keys = lines.get(2).get("configuration");
        for (String rate : List.of("products", "bandwidth", "forward64", "backward64")) {
            assertThat(Double.parseDouble(keys.get("machine." + rate).asText())).isBetween(1e-4, 1e4);
        }
        assertThat(lines.get(1).get("seconds").asDouble()
                        / lines.get(0).get("seconds").asDouble())
                .isBetween(80.0, 101.0);
        assertThat(lines.get(0).get("activations").asText()).isEqualTo("kept");
    }

    @Test
    void theChartIsOneFile() throws IOException {
        Path file = folder.resolve("plan.svg");
        Cli plan = Cli.ok("plan", "--svg", file, "--tokens", "8k,1m,1b", "--devices", "1,8", "--json");
        assertThat(plan.json()).hasSize(9);
        String svg = Files.readString(file);
        assertThat(svg)
                .startsWith("<svg xmlns=\"http://www.w3.org/2000/svg\"")
                .contains("dilated, 8 devices", "dense, 1 device<", "Memory of a device, GiB")
                .doesNotContain("NaN", "Infinity", "href");
        assertThat(svg.split("<path ", -1)).hasSize(1 + 2 * 2 * 2);
    }

    @Test
    void jsonIsAPredictionALineAndWhatTheyRestOn() {
        Cli plan = Cli.ok("plan", "--json", "--tokens", "100k,1m", "--devices", "3,8");
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
        Cli plan = Cli.ok("plan", "--forward-only", "--tokens", "4k", "--devices", "1,2");
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
                "plan --lengths 5 --ranks 8           | 8 devices cannot share 5 tokens",
                "plan --lengths 1x                    | \"1x\" is not a whole number",
                "plan --ranks 0                       | devices must lie between 1 and 1048576, got 0",
                "plan --ranks 8,9g                    | outside of -2^31",
                "plan --device tpu                    | device \"tpu\" is not known; use h200 or h100 or cpu",
                "plan --activations lost              | --activations",
                "plan --forward-only --activations kept | --activations are those of training",
                "plan --forward-only --read           | --forward-only",
                "plan --read --devices 2              | a text is read by one device, got --devices [2]",
                "plan --read --piece 0                | a piece has at least one token, got 0",
                "plan --piece 5                       | --piece is that of reading; add --read",
                "plan --read --set model.causal=false | a text is read by a causal model",
                "plan --tokens 1m --pattern 2k:1,4k:2... | grows from position 4096 on",
                "plan --device cpu --devices 2 --model quickstart --tokens 512 | a cpu is planned as one device, got 2",
                "plan --set train.steps=5             | unknown key train",
                "plan --set machine.gpu=5             | did you mean machine.gpus?",
                "plan --set machine.gpus=0            | machine.gpus must be positive, got 0",
                "plan --set machine.memory=fast       | is not a number",
                "plan --set model.vocabulary=0        | model.vocabulary must be positive to plan",
                "plan --set model.heads=5             | not a multiple of heads 5",
                "plan --set model.pattern=8           | \"8\"",
                "plan --set model.pattern=3:8         | ratio 8 is larger than its segment 3",
                "plan --model x                       | model \"x\" is not known; use quickstart, 124m",
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
