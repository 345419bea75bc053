package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
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
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Commands run in this process as a user calls them.
 *
 * @param code exit code
 * @param out standard output
 * @param err standard error
 */
record Cli(int code, String out, String err) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Settings of a model of two blocks of 16 features that trains in a second. */
    static final String TINY = """
            model:
              embedding: 16
              layers: 2
              heads: 2
              keyValueHeads: 2
              feedForward: 24
              pattern: 8:1,24:3
            data:
              heldOut: 0.3
            train:
              steps: 5
              length: 33
              threads: 1
              warmup: 1
              evalTokens: 100
              checkpointEvery: 2
              logEvery: 1
              device: cpu
            """;

    static Cli run(Object... arguments) {
        StringWriter out = new StringWriter(), err = new StringWriter();
        String[] words = Arrays.stream(arguments).map(String::valueOf).toArray(String[]::new);
        int code = Main.run(new PrintWriter(out), new PrintWriter(err), false, words);
        return new Cli(code, out.toString(), err.toString());
    }

    /** What a process of its own writes that names the classes it loads; the call works. */
    static String loading(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-verbose:class",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String written = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
        return written;
    }

    /** A call that works. */
    static Cli ok(Object... arguments) {
        Cli result = run(arguments);
        assertThat(result.code).as(result.err).isZero();
        return result;
    }

    /** The sentence of a call that ends with this code, which has to be one sentence and nothing else. */
    static String refused(int code, Object... arguments) {
        Cli result = run(arguments);
        String what =
                String.join(" ", Arrays.stream(arguments).map(String::valueOf).toList()) + "\n" + result.err;
        assertThat(result.code).as(what).isEqualTo(code);
        assertThat(result.out).as(what).isEmpty();
        String[] lines = result.err.split("\\R");
        String sentence = lines[lines.length - 1];
        assertThat(sentence).as(what).startsWith("longnet " + arguments[0] + ": ");
        assertThat(result.err).as(what).doesNotContain("\tat ", "Exception", "mistake in longnet", "libtorch:");
        assertThat(Arrays.stream(lines).filter(line -> line.startsWith("longnet")))
                .as(what)
                .hasSize(1);
        assertThat(sentence.length()).as(what).isLessThan(420);
        return sentence;
    }

    /** Every line of standard output, each of which has to be a JSON object. */
    List<JsonNode> json() {
        List<JsonNode> objects = new ArrayList<>();
        for (String line : out.split("\\R")) {
            try {
                JsonNode object = JSON.readTree(line);
                assertThat(object.isObject()).as(line).isTrue();
                objects.add(object);
            } catch (JsonProcessingException e) {
                throw new AssertionError("not JSON: " + line, e);
            }
        }
        return objects;
    }

    /** A text of some files, and the tiny settings as tiny.yaml; returns the text's folder. */
    static Path write(Path folder) throws IOException {
        Path text = Files.createDirectories(folder.resolve("text"));
        for (int i = 0; i < 7; i++) {
            Files.writeString(text.resolve("file" + i + ".txt"), ("line " + i + " of a song.\n").repeat(9 + i));
        }
        Files.writeString(folder.resolve("tiny.yaml"), TINY);
        return text;
    }

    static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()));
            }
        }
    }

    /** Name, time and content of every file below a folder, to see that nothing was touched. */
    static Map<String, String> state(Path folder) throws IOException {
        Map<String, String> state = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                state.put(
                        folder.relativize(file).toString(),
                        Files.getLastModifiedTime(file) + " " + Arrays.hashCode(Files.readAllBytes(file)));
            }
        }
        return state;
    }
}
