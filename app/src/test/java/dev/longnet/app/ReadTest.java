package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code longnet read} as a user calls it. */
class ReadTest {
    @TempDir
    static Path folder;

    private static String run, text;

    /** What a command wrote and how it ended. */
    private record Ended(int code, String out, String err) {}

    private static Ended longnet(String... arguments) {
        StringWriter out = new StringWriter(), err = new StringWriter();
        int code = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), false, arguments);
        return new Ended(code, out.toString(), err.toString());
    }

    private static Ended read(String state, String... more) {
        String[] first = {
            "read",
            "--model",
            run,
            "--data",
            text,
            "--state",
            folder.resolve(state).toString()
        };
        return longnet(Stream.concat(Stream.of(first), Stream.of(more)).toArray(String[]::new));
    }

    @BeforeAll
    static void aModelAndAText() throws Exception {
        run = folder.resolve("run").toString();
        text = folder.resolve("text.txt").toString();
        StringBuilder words = new StringBuilder();
        for (int i = 0; words.length() < 5000; i++) {
            words.append("line ").append(i * i).append(" of a text that is read once\n");
        }
        Files.writeString(Path.of(text), words);
        List<String> train = new ArrayList<>(List.of("train", "--data", text, "--out", run, "--quiet"));
        for (String setting : List.of(
                "train.steps=2",
                "train.length=64",
                "train.evalEvery=0",
                "data.heldOut=0",
                "model.layers=1",
                "model.embedding=16",
                "model.heads=2",
                "model.keyValueHeads=2",
                "model.feedForward=32",
                "model.pattern=16:1,64:4...")) {
            train.addAll(List.of("--set", setting));
        }
        Ended trained = longnet(train.toArray(String[]::new));
        assertThat(trained.code).as("%s", trained).isZero();
    }

    private static List<JsonNode> lines(Ended ended) {
        assertThat(ended.code).as("%s", ended).isZero();
        return ended.out
                .lines()
                .map(line -> {
                    try {
                        return new ObjectMapper().readTree(line);
                    } catch (IOException e) {
                        throw new AssertionError(line, e);
                    }
                })
                .toList();
    }

    @Test
    void goesOnWhereItWasLeftAndTellsTheSame() throws Exception {
        List<JsonNode> once = lines(read("once", "--tokens", "7000", "--json", "--quiet"));
        read("parts", "--tokens", "1001", "--piece", "130");
        List<JsonNode> parts =
                lines(read("parts", "--tokens", "7000", "--piece", "77", "--every", "2000", "--json", "--quiet"));
        assertThat(parts.size()).isGreaterThan(3); // reports on the way
        JsonNode a = once.get(once.size() - 1), b = parts.get(parts.size() - 1);
        assertThat(b.path("position").asLong()).isEqualTo(7000);
        assertThat(b.path("loss").asDouble()).isCloseTo(a.path("loss").asDouble(), within(1e-6));
        assertThat(b.path("byPosition").size()).isEqualTo(a.path("byPosition").size());

        String[] generate = {
            "generate",
            "--model",
            run,
            "--prompt",
            "line ",
            "--max-tokens",
            "20",
            "--temperature",
            "0",
            "--json",
            "--state"
        };
        List<String> texts = new ArrayList<>();
        for (String state : List.of("once", "parts")) {
            String[] all = Arrays.copyOf(generate, generate.length + 1);
            all[generate.length] = folder.resolve(state).toString();
            texts.add(lines(longnet(all)).get(0).path("completion").asText());
        }
        assertThat(texts.get(0)).isEqualTo(texts.get(1)).isNotEmpty();
    }

    @Test
    void saysWhatIsWrong() throws Exception {
        assertThat(read("done", "--tokens", "500").code).isZero();
        Ended again = read("done", "--tokens", "500");
        assertThat(again.code).isEqualTo(2);
        assertThat(again.err).contains("has read 500 tokens of this text already; give more by --tokens");
        for (String option : List.of("--tokens", "--every", "--piece")) {
            assertThat(read("other", option, "0").code).isEqualTo(2);
        }
        Path file = folder.resolve("noState");
        Files.write(file, "not a state".getBytes(StandardCharsets.UTF_8));
        Ended damaged = read("noState");
        assertThat(damaged.code).isEqualTo(1);
        assertThat(damaged.err).contains(file.toString()).doesNotContain("Exception");
    }
}
