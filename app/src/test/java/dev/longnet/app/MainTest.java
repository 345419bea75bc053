package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        return Main.run(new PrintWriter(out), new PrintWriter(err), false, args);
    }

    @Test
    void helpNamesEveryCommandOnStandardOutput() {
        assertThat(run("--help")).isZero();
        assertThat(out.toString()).contains("Usage: longnet", "doctor");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void versionNamesTheProgramAndJava() {
        assertThat(run("--version")).isZero();
        assertThat(out.toString())
                .startsWith("longnet ")
                .contains(Runtime.version().toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "dotcor         | longnet: unknown command dotcor; did you mean doctor? (see longnet --help)",
                "doctor --jsn   | longnet doctor: unknown option --jsn; did you mean --json? (see longnet doctor --help)",
                "doctor --xyz=3 | longnet doctor: unknown option --xyz (see longnet doctor --help)",
                "doctor now     | longnet doctor: unknown argument now (see longnet doctor --help)",
            })
    void aWrongCallIsOneSentenceAndCode2(String line, String message) {
        assertThat(run(line.split(" "))).isEqualTo(2);
        assertThat(err.toString()).isEqualTo(message + System.lineSeparator());
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void noCommandNamesTheCommands() {
        assertThat(run()).isEqualTo(2);
        assertThat(err.toString()).startsWith("longnet: no command given; use ").contains("doctor");
    }

    @Test
    void doctorWritesOneJsonObjectALineAndNothingElse() throws Exception {
        assertThat(run("doctor", "--json")).isZero();
        assertThat(err.toString()).isEmpty();
        String[] lines = out.toString().split("\\R");
        assertThat(lines).hasSizeGreaterThan(10);
        for (String line : lines) {
            JsonNode finding = new ObjectMapper().readTree(line);
            assertThat(finding.get("what").asText()).isNotBlank();
            assertThat(finding.get("value").asText()).isNotBlank();
            assertThat(finding.get("state").asText()).isIn("ok", "warn", "missing");
            boolean fine = finding.get("state").asText().equals("ok");
            assertThat(fine || !finding.get("advice").asText().isBlank())
                    .as(line)
                    .isTrue();
        }
        assertThat(out.toString()).contains("\"libtorch\"");
    }

    @Test
    void doctorShowsPeopleATable() {
        assertThat(run("doctor")).isZero();
        assertThat(out.toString())
                .contains("system", "cpu", "cores", "java", "libtorch", "disk")
                .doesNotContain("{");
    }

    /** Loading libtorch takes seconds, and help is where nobody wants to wait. */
    @Test
    void helpDoesNotLoadLibtorch() throws Exception {
        String classes = Cli.loading("--help");
        assertThat(classes).contains("dev.longnet.app.Main", "Usage: longnet").doesNotContain("org.bytedeco");
    }
}
