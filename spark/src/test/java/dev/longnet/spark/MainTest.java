package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {
    private record Ended(int code, String said) {}

    private static Ended run(String... args) {
        PrintStream before = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            return new Ended(Main.run(args), said.toString(StandardCharsets.UTF_8));
        } finally {
            System.setErr(before);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--master local train --out x               | Missing required option: '--ranks=N'",
                "--ranks 2 --master local                   | Missing required parameter: 'train …'",
                "--ranks two --master local train --out x   | Invalid value for option '--ranks': 'two' is not an int",
                "--ranks 0 --master local train --out x     | --ranks must be 1 or more, got 0",
                "--rank 2 --master local train --out x      | Missing required option: '--ranks=N'",
                "--ranks 2 --conf a train --out x           | Value for option option '--conf' (NAME=VALUE) should be"
                        + " in KEY=VALUE format but was a",
                "--ranks 2 --master local eval --out x      | longnet-spark runs train alone, got eval",
                "--ranks 2 --master local train --data x    | train has no --out",
                "--ranks 2 train --out x                    | no cluster is named; give --master spark://host:7077",
                "--ranks 2 --master local --conf spark.submit.deployMode=cluster train --out x"
                        + " | longnet-spark sends the program from where it is started",
            })
    void aWrongCallIsOneSentence(String call, String sentence) {
        Ended ended = run(call.strip().split("\\s+"));

        assertThat(ended.code()).isEqualTo(2);
        assertThat(ended.said())
                .startsWith("longnet-spark: " + sentence)
                .hasLineCount(1)
                .endsWith("--help)\n");
    }

    @Test
    void withoutTheProgramItSaysSo() {
        Ended ended = run("--ranks", "2", "--master", "local[2]", "train", "--out", "x");

        assertThat(ended.code()).isEqualTo(1);
        assertThat(ended.said())
                .startsWith("longnet-spark: no longnet-app jar in app")
                .hasLineCount(1);
    }

    @Test
    void optionsOfTrainAreItsOwn() {
        assertThat(Program.out(List.of("train", "--out=a", "--out", "b"))).hasValue("b");
        assertThat(Program.out(List.of("train", "--output", "b"))).isEmpty();
    }

    /** Ranks run with the flags and variables that the launcher gives the program on one machine. */
    @Test
    void ranksRunAsTheLauncherRunsThem() throws IOException {
        String launcher = Files.readString(Path.of("../longnet"));
        Matcher exports = Pattern.compile("^export (\\w+)=\"\\$\\{\\1:-(.+)}\"$", Pattern.MULTILINE)
                .matcher(launcher);
        Map<String, String> exported = new HashMap<>();
        while (exports.find()) {
            exported.put(exports.group(1), exports.group(2));
        }
        assertThat(LaunchedRank.NATIVE).isEqualTo(exported);
        Matcher start = Pattern.compile("exec \"\\$java\" (.*?)-Dlongnet.columns", Pattern.DOTALL)
                .matcher(launcher);
        assertThat(start.find()).isTrue();
        assertThat(start.group(1)
                        .replace("\\\n", "")
                        .replace("$native", "")
                        .strip()
                        .split("\\s+"))
                .containsExactlyElementsOf(LaunchedRank.FLAGS);
    }
}
