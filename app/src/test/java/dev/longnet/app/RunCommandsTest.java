package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.train.RunConfig;
import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Train, resume, eval, generate and report, one after the other as a user runs them. */
class RunCommandsTest {
    @TempDir
    private Path folder;

    private Path text;
    private Path run;
    private Path settings;

    @BeforeEach
    void write() throws IOException {
        text = Cli.write(folder);
        settings = folder.resolve("tiny.yaml");
        run = folder.resolve("runs/x");
    }

    private static RunConfig config(Path run) {
        return new RunFolder(run).readConfig();
    }

    @Test
    void peopleReadTheResultOnStandardOutput() {
        Cli train = Cli.ok("train", "--data", text, "--out", run, "--config", settings);
        assertThat(train.out())
                .contains("trained 5 steps; next: longnet eval --model " + run)
                .doesNotContain("{");
        assertThat(train.err()).contains("tokens to train on", "train 5/5", "held-out loss");
        Cli eval = Cli.ok(
                "eval", "--model", run, "--context", "14,33", "--suffix", 7, "--samples", 3, "--threads", 1, "--save");
        assertThat(eval.out())
                .containsPattern("context\\s+x perplexity\\s+bits/byte")
                .containsPattern("\\n +33 +\\d");
        Cli generate = Cli.ok("generate", "--model", run, "--prompt", "line é", "--max-tokens", 3, "--threads", 1);
        assertThat(generate.out()).startsWith("line é");
        assertThat(generate.err()).contains("3 tokens after a prompt of 7");
        assertThat(Cli.ok("report", run).out().strip())
                .isEqualTo(run.resolve("report.html").toString());
        assertThat(run.resolve("report.html")).content().contains("<html", "perplexity");
    }

    @Test
    void programsReadJsonAlone() throws IOException {
        Cli train = Cli.ok("train", "--data", text, "--out", run, "--config", settings, "--json");
        List<JsonNode> lines = train.json();
        assertThat(lines).hasSize(7);
        for (int i = 0; i < 5; i++) {
            assertThat(lines.get(i).get("step").asInt()).isEqualTo(i + 1);
            assertThat(lines.get(i).get("steps").asInt()).isEqualTo(5);
            assertThat(lines.get(i).get("tokens").asInt()).isEqualTo(33 * (i + 1));
            assertThat(lines.get(i).get("loss").asDouble()).isPositive();
            assertThat(lines.get(i).get("tokensPerSecond").asDouble()).isPositive();
        }
        assertThat(lines.get(5).get("heldOutLoss").asDouble()).isPositive();
        assertThat(lines.get(6)).hasToString("{\"run\":\"" + run + "\",\"step\":5,\"complete\":true}");

        Cli eval = Cli.ok(
                "eval",
                "--model",
                run,
                "--context",
                "14,33",
                "--suffix",
                7,
                "--samples",
                3,
                "--threads",
                1,
                "--json",
                "--save");
        assertThat(eval.json()).hasSize(2).allSatisfy(line -> {
            assertThat(line.get("model").asText()).isEqualTo("x");
            assertThat(line.get("tokens").asInt()).isEqualTo(21);
            double loss = line.get("loss").asDouble();
            assertThat(line.get("perplexity").asDouble()).isCloseTo(Math.exp(loss), within(1e-9));
            // One of the tokens ends the last document and is no byte of text.
            assertThat(line.get("bitsPerByte").asDouble()).isCloseTo(loss * 21 / 20 / Math.log(2), within(1e-9));
        });
        JsonNode file = new ObjectMapper().readTree(run.resolve("eval.json").toFile());
        assertThat(file.get("models").get(0).get("byContext").get(1).get("loss"))
                .isEqualTo(eval.json().get(1).get("loss"));

        Object[] call = {
            "generate", "--model", run, "--prompt", "line", "--max-tokens", 5, "--seed", 3, "--threads", 1, "--json"
        };
        JsonNode sample = Cli.ok(call).json().get(0);
        assertThat(sample.get("prompt").asText()).isEqualTo("line");
        assertThat(sample.get("tokens").asInt()).isLessThanOrEqualTo(5);
        assertThat(sample.get("promptTokens").asInt()).isEqualTo(4);
        assertThat(Cli.ok(call).json().get(0).get("completion")).isEqualTo(sample.get("completion"));

        JsonNode page = Cli.ok("report", run, "--json").json().get(0);
        assertThat(Path.of(page.get("report").asText())).exists();
    }

    @Test
    void aResumedRunTrainsOnWithNewSettingsAndKeepsThem() throws IOException {
        Cli.ok("train", "--data", text, "--out", run, "--config", settings);
        Cli again = Cli.ok("train", "--out", run, "--resume");
        assertThat(again.out()).contains("is at its last step, 5, already", "--set train.steps=10");
        assertThat(Cli.ok("train", "--out", run, "--resume", "--json").json())
                .singleElement()
                .hasToString("{\"run\":\"" + run + "\",\"step\":5,\"complete\":true}");

        // What cannot be is said before that there is nothing to do.
        assertThat(Cli.refused(2, "train", "--out", run, "--resume", "--set", "model.layers=3"))
                .contains("model.layers was 2");

        String started = info(run).get("started").asText();
        assertThat(info(run).has("resumed")).isFalse();
        Cli longer = Cli.ok("train", "--out", run, "--resume", "--set", "train.steps=8", "--json");
        assertThat(longer.json().get(0).get("step").asInt()).isEqualTo(6);
        assertThat(info(run).get("started").asText()).isEqualTo(started);
        assertThat(info(run).get("resumed")).hasSize(1);
        assertThat(config(run).train().steps()).isEqualTo(8);
        assertThat(config(run).train().length()).isEqualTo(33);
        assertThat(config(run).model().embedding()).isEqualTo(16);
        assertThat(Files.readAllLines(run.resolve("metrics.jsonl"))).hasSize(5 + 1 + 3 + 1);
        assertThat(Cli.ok("train", "--data", text, "--out", run, "--resume").out())
                .contains("last step, 8");
    }

    private static JsonNode info(Path run) throws IOException {
        return new ObjectMapper().readTree(run.resolve("run.json").toFile());
    }

    @Test
    void runJsonSaysWhatTheRunWasMadeOn() throws IOException {
        Cli.ok("train", "--data", text, "--out", run, "--config", settings);
        JsonNode info = info(run);
        assertThat(info.get("libtorch").asText()).matches("\\d+\\.\\d+.*");
        assertThat(info.get("tokenizer").asText()).isEqualTo("bytes");
        assertThat(info.get("trainingTokens").asLong())
                .isGreaterThan(info.get("heldOutTokens").asLong());
        try (Scope scope = new Scope()) {
            assertThat(info.get("parameters").asLong())
                    .isEqualTo(Parameters.count(new LongNetDecoder(config(run).model())));
        }
    }

    @Test
    void modelsAreComparedOnOneText() throws IOException {
        Path other = folder.resolve("other");
        Files.createDirectories(other);
        Files.writeString(other.resolve("a.txt"), "something else ".repeat(90));
        Path second = folder.resolve("runs/y");
        Cli.ok("train", "--data", text, "--out", run, "--config", settings);
        Cli.ok("train", "--data", other, "--out", second, "--config", settings, "--set", "train.steps=1");
        Object[] sizes = {"--context", "14,33", "--suffix", 7, "--samples", 3, "--threads", 1, "--json", "--save"};
        List<JsonNode> both = eval(sizes, "--model", run, second).json();
        assertThat(both).extracting(line -> line.get("model").asText()).containsExactly("x", "y", "x", "y");
        // y alone is measured on what it held out itself, so the text has to be named to compare with it.
        List<JsonNode> alone = eval(sizes, "--model", run).json();
        assertThat(both.get(0)).isEqualTo(alone.get(0));
        List<JsonNode> copyOfFirst = eval(sizes, "--model", second).json();
        assertThat(both.get(1).get("loss")).isNotEqualTo(copyOfFirst.get(0).get("loss"));
        List<JsonNode> named = eval(sizes, "--model", second, "--data", other).json();
        assertThat(named.get(0).get("loss")).isNotEqualTo(copyOfFirst.get(0).get("loss"));
        assertThat(new ObjectMapper()
                        .readTree(second.resolve("eval.json").toFile())
                        .get("data")
                        .asText())
                .isEqualTo(other.toString());
    }

    @Test
    void evaluationsAreKeptOnlyWhenAskedAndTheBarEndsWithTheLastPass() throws IOException {
        Cli.ok("train", "--data", text, "--out", run, "--config", settings, "--set", "train.steps=1");
        Files.writeString(run.resolve("eval.json"), "a comparison");
        Cli eval =
                Cli.ok("eval", "--model", run, "--context", "14,33", "--suffix", 7, "--samples", "1m", "--threads", 1);
        assertThat(run.resolve("eval.json")).hasContent("a comparison");
        assertThat(eval.err()).containsPattern("eval (\\d+)/\\1  in ");
    }

    private static Cli eval(Object[] sizes, Object... models) {
        Object[] call = new Object[1 + models.length + sizes.length];
        call[0] = "eval";
        System.arraycopy(models, 0, call, 1, models.length);
        System.arraycopy(sizes, 0, call, 1 + models.length, sizes.length);
        return Cli.ok(call);
    }

    @Test
    void aPromptMayComeFromAFileOrBeEmpty() throws IOException {
        Cli.ok("train", "--data", text, "--out", run, "--config", settings, "--set", "train.steps=1");
        Path prompt = Files.writeString(folder.resolve("prompt.txt"), "line\n1");
        Object[] rest = {"--max-tokens", 0, "--threads", 1, "--json"};
        assertThat(generate(rest, "--prompt-file", prompt).get("prompt").asText())
                .isEqualTo("line\n1");
        assertThat(generate(rest, "--prompt", "").get("promptTokens").asInt()).isEqualTo(1);
        Files.write(prompt, new byte[] {(byte) 0xff, 0, 'a'});
        assertThat(generate(rest, "--prompt-file", prompt).get("promptTokens").asInt())
                .isEqualTo(3);
    }

    private JsonNode generate(Object[] rest, Object... prompt) {
        Object[] call = {"generate", "--model", run, prompt[0], prompt[1], rest[0], rest[1], rest[2], rest[3], rest[4]};
        return Cli.ok(call).json().get(0);
    }

    /** The vocabulary of 100 thousand tokens makes the embedding, so the model is one of four features. */
    @Test
    void otherTokenizersGoTheWholeWay() {
        Object[] train = {
            "train",
            "--data",
            text,
            "--out",
            run,
            "--config",
            settings,
            "--set",
            "data.tokenizer=cl100k_base",
            "--set",
            "model.embedding=4",
            "--set",
            "model.layers=1",
            "--set",
            "train.steps=2",
            "--set",
            "train.lossChunk=16"
        };
        Cli.ok(train);
        assertThat(config(run).model().vocabulary()).isGreaterThan(100_000);
        assertThat(Cli.ok("eval", "--model", run, "--context", "9", "--suffix", 5, "--samples", 1, "--json")
                        .json())
                .hasSize(1);
        JsonNode sample = Cli.ok("generate", "--model", run, "--prompt", "line 1 of", "--max-tokens", 4, "--json")
                .json()
                .get(0);
        assertThat(sample.get("promptTokens").asInt()).isLessThan(9);
        assertThat(sample.get("completion").asText()).isNotEmpty();
    }

    @Test
    void whatIsNoTextIsLeftOutAndSaidSo() throws IOException {
        Files.write(text.resolve("binary.bin"), new byte[] {1, 0, 2, 0});
        Cli train = Cli.ok("train", "--data", text, "--out", run, "--config", settings, "--set", "train.steps=1");
        assertThat(train.err()).containsPattern("left out: 1 binary.*binary.bin");
    }
}
