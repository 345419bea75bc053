package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BenchTest {
    private static final String SMALL_MODEL = " --layers 2 --embedding 12 --heads 3 --vocabulary 11 --pattern 8:1,20:3";

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String line) {
        return Main.run(new PrintWriter(out), new PrintWriter(err), false, line.split(" "));
    }

    private List<JsonNode> json(String line) throws Exception {
        assertThat(run(line + " --json")).as(err.toString()).isZero();
        List<JsonNode> objects = new ArrayList<>();
        for (String object : out.toString().split("\\R")) {
            objects.add(new ObjectMapper().readTree(object));
        }
        return objects;
    }

    @Test
    void attentionMeasuresBothDirectionsOfEachLength() throws Exception {
        List<JsonNode> measured = json("bench attention --lengths 33,1 --pattern 8:1,20:3 --heads 6 --key-value-heads 2"
                + " --head-dim 5 --batch 2 --repeats 2 --device cpu");
        assertThat(measured)
                .extracting(
                        m -> m.get("length").asInt() + " " + m.get("direction").asText())
                .containsExactly("33 forward", "33 forward+backward", "1 forward", "1 forward+backward");
        JsonNode first = measured.get(0);
        assertThat(first.get("op").asText()).isEqualTo("attention");
        assertThat(first.get("batch").asInt()).isEqualTo(2);
        assertThat(first.get("heads").asInt()).isEqualTo(6);
        assertThat(first.get("headDim").asInt()).isEqualTo(5);
        assertThat(first.get("pattern").asText()).isEqualTo("8:1,20:3");
        assertThat(first.get("dtype").asText()).isEqualTo("float32");
        assertThat(first.get("kernel").asText()).isEqualTo("aten");
        assertThat(first.get("device").asText()).isEqualTo("cpu");
        double milliseconds = first.get("milliseconds").asDouble(),
                flops = first.get("flops").asDouble();
        assertThat(milliseconds).isPositive();
        // 4·D a pair, half of them causal: 6 heads of 33 queries see 8 + 20/9 keys each
        assertThat(flops).isCloseTo(2 * 4 * 5 * 0.5 * 6 * 33 * (8 + 20 / 9.0), within(1e-6));
        assertThat(measured.get(1).get("flops").asDouble()).isCloseTo(3.5 * flops, within(1e-6));
        assertThat(first.get("tflops").asDouble()).isCloseTo(flops / milliseconds / 1e9, within(1e-9));
        assertThat(first.get("tokensPerSecond").asDouble()).isCloseTo(66e3 / milliseconds, within(1e-3));
        assertThat(first.has("peakBytes")).isTrue();
    }

    private static Offset<Double> within(double offset) {
        return Offset.offset(offset);
    }

    @ParameterizedTest
    @CsvSource({"--forward-only, forward", "--backward, forward+backward"})
    void oneDirectionCanBeChosen(String flag, String direction) throws Exception {
        List<JsonNode> measured = json("bench attention --lengths 9 --heads 2 --head-dim 3 --repeats 1 " + flag);
        assertThat(measured).extracting(m -> m.get("direction").asText()).containsExactly(direction);
    }

    @Test
    void bidirectionalAttentionDoesTwiceTheWork() throws Exception {
        String line =
                "bench attention --lengths 9 --heads 2 --head-dim 3 --repeats 1 --forward-only --kernel reference";
        double causal = json(line).get(0).get("flops").asDouble();
        out.getBuffer().setLength(0);
        assertThat(json(line + " --no-causal").get(0).get("flops").asDouble()).isEqualTo(2 * causal);
    }

    @ParameterizedTest
    @ValueSource(strings = {"float64", "bfloat16"})
    void otherTypesAreMeasured(String dtype) throws Exception {
        List<JsonNode> measured =
                json("bench attention --lengths 9 --heads 2 --head-dim 3 --repeats 1 --dtype " + dtype);
        assertThat(measured).extracting(m -> m.get("dtype").asText()).containsOnly(dtype);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " --precision bfloat16 --recompute --batch 2"})
    void trainMeasuresWholeSteps(String options) throws Exception {
        List<JsonNode> measured = json("bench train --lengths 37,5 --repeats 2" + SMALL_MODEL + options);
        assertThat(measured).extracting(m -> m.get("length").asInt()).containsExactly(37, 5);
        JsonNode first = measured.get(0);
        assertThat(first.get("op").asText()).isEqualTo("train");
        assertThat(first.get("direction").asText()).isEqualTo("forward+backward");
        assertThat(first.get("headDim").asInt()).isEqualTo(4);
        assertThat(first.get("dtype").asText()).isEqualTo(options.isEmpty() ? "float32" : "bfloat16");
        assertThat(first.get("tokensPerSecond").asDouble()).isPositive();
    }

    @Test
    void generateMeasuresATokenAfterEachContext() throws Exception {
        List<JsonNode> measured = json("bench generate --lengths 1,45 --tokens 3" + SMALL_MODEL);
        assertThat(measured).extracting(m -> m.get("length").asInt()).containsExactly(1, 45);
        for (JsonNode m : measured) {
            assertThat(m.get("op").asText()).isEqualTo("generate");
            assertThat(m.get("direction").asText()).isEqualTo("forward");
            assertThat(m.get("tokensPerSecond").asDouble())
                    .isCloseTo(1e3 / m.get("milliseconds").asDouble(), within(1e-6));
        }
    }

    @Test
    void peopleGetAHeadingAndATable() {
        assertThat(run("bench attention --lengths 9 --heads 2 --head-dim 3 --repeats 1 --quiet"))
                .isZero();
        assertThat(out.toString().lines().toList())
                .hasSize(4)
                .satisfies(lines -> assertThat(lines.get(0)).startsWith("attention, 1 × 2 heads of 3, pattern 2048:1,"))
                .satisfies(lines -> assertThat(lines.get(1)).contains("length", "ms", "tokens/s", "TFLOP/s"))
                .satisfies(lines -> assertThat(lines.get(3)).contains("9", "forward+backward"));
        assertThat(err.toString()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "bench                                        | no benchmark given; use attention, train, generate",
                "bench atention                               | unknown command atention; did you mean attention?",
                "bench attention --lengths 0                  | lengths must be positive, got 0",
                "bench attention --lengths 8x                 | \"8x\" is not a whole number",
                "bench attention --pattern 8                  | \"8\"",
                "bench attention --heads 6 --key-value-heads 4 | heads 6 is not a multiple of key-value-heads 4",
                "bench attention --heads 0                    | heads must be positive, got 0",
                "bench attention --head-dim -1                | head-dim must be positive, got -1",
                "bench attention --batch 0                    | batch must be positive, got 0",
                "bench attention --dtype int8                 | dtype \"int8\" is not known; use float32, float64",
                "bench attention --kernel fast                | attention kernel \"fast\" is not known",
                "bench attention --device tpu                 | device \"tpu\" is not known",
                "bench attention --repeats 0                  | repeats must be positive, got 0",
                "bench attention --threads -1                 | threads must be 0 (one a core) or more, got -1",
                "bench attention --forward-only --backward    | --forward-only",
                "bench train --repeats 0                      | repeats must be positive, got 0",
                "bench train --embedding 10 --heads 4         | embedding 10 is not a multiple of heads 4",
                "bench train --vocabulary 0                   | vocabulary must be positive, got 0",
                "bench train --precision int8                 | precision",
                "bench train --batch 0                        | batch must be positive, got 0",
                "bench generate --tokens 0                    | tokens must be positive, got 0",
                "bench attention --lengths 1t                 | \"1t\" is not a whole number",
                "bench attention --lengths 9,1024g            | attention over 1099511627776 tokens needs about 24 PiB of memory and this machine has",
                "bench attention --lengths 1024g --forward-only --heads 1 --head-dim 1 --dtype bfloat16 | needs about 8.0 TiB",
                "bench attention --lengths 4m --kernel reference | needs about 768 TiB",
                "bench attention --lengths 9 --batch 1g       | attention over 9 tokens needs about",
                "bench train --lengths 9,4g                   | training on 1 × 4294967296 tokens needs about",
                "bench train --lengths 9 --batch 2000000000   | training on 2000000000 × 9 tokens needs about",
                "bench train --embedding 64m --heads 1        | training on 1 × 16384 tokens needs about",
                "bench train --embedding 1g                   | embedding 1073741824 is too wide",
                "bench train --layers 2000000000              | needs about",
                "bench generate --lengths 9,4g                | generating after 4294967296 tokens needs about 48 TiB of memory and this machine has",
                "bench generate --embedding 1g                | embedding 1073741824 is too wide",
                "bench generate --embedding 1g --feed-forward 1 | needs about",
                "bench generate --vocabulary 2000000000       | needs about",
                "bench generate --lengths 1,-1                | lengths must be positive, got -1",
            })
    void aWrongCallIsOneSentenceAndCode2(String line, String message) {
        assertThat(run(line.strip())).isEqualTo(2);
        assertThat(err.toString()).contains(message).hasLineCount(1);
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void recallAsksBothKindsOfAttentionAboutEachDistance(@TempDir Path folder) throws Exception {
        String line = "bench recall --device cpu --samples 3 --out " + folder + " --distances 150,301";
        List<JsonNode> lines = json(line + " --window 40 --svg " + folder.resolve("recall.svg")
                + " --set train.stages=[64:2,133:1] --set train.tokens=200");
        List<JsonNode> results =
                lines.stream().filter(object -> object.has("distance")).toList();
        assertThat(results)
                .extracting(r -> r.get("attention").asText() + " "
                        + r.get("distance").asInt() + " " + r.get("covered").asDouble())
                .containsExactly("dilated 150 1.0", "dilated 301 1.0", "window 150 0.0", "window 301 0.0");
        assertThat(results).allSatisfy(r -> {
            assertThat(r.get("samples").asInt()).isEqualTo(3);
            assertThat(r.get("right").asDouble()).isBetween(0.0, 1.0);
            assertThat(r.get("chance").asDouble()).isEqualTo(1 / 8.0);
        });
        assertThat(lines.stream().filter(object -> object.has("loss"))).hasSize(4);
        assertThat(folder.resolve("recall.svg")).content().contains("dilated").contains("window");

        out.getBuffer().setLength(0);
        assertThat(json(line + " --attention dilated"))
                .as("trained before: only asked, with the same answers")
                .hasSize(2)
                .isEqualTo(results.subList(0, 2));
        assertThat(run("bench recall --out " + folder + " --distances 200,210")).isEqualTo(2);
        assertThat(run("bench recall --out " + folder + " --attention dense")).isEqualTo(2);
    }
}
