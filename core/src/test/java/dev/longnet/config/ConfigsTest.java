package dev.longnet.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import dev.longnet.pattern.DilationPattern;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigsTest {
    private static Sample parse(String yaml) {
        return Configs.parse(Sample.class, yaml, "run.yaml");
    }

    @Test
    void readsEveryType() {
        Sample sample = parse("""
                name: "a: b"
                sources: [src, 'x y.zip', 7]
                inner:
                  steps: 8k
                  limit: 1_000
                  rate: 2.5e-2
                  causal: FALSE
                  colour: Dark_Blue
                  pattern: 2048:1,4096:2
                """);
        assertThat(sample)
                .isEqualTo(new Sample(
                        "a: b",
                        new Sample.Inner(
                                8192,
                                1000,
                                0.025,
                                false,
                                Sample.Colour.DARK_BLUE,
                                DilationPattern.parse("2048:1,4096:2")),
                        List.of("src", "x y.zip", "7")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "# nothing\n", "inner:\n", "inner:\n  # steps: 3\n", "inner: {}"})
    void keepsDefaultsOfMissingKeys(String yaml) {
        assertThat(parse(yaml)).isEqualTo(Sample.defaults());
    }

    @Test
    void acceptsDottedKeys() {
        assertThat(parse("inner.steps: 5\ninner.rate: 1").inner().steps()).isEqualTo(5);
    }

    @Test
    void settingsGoOverTheFileAndLaterOnesWin(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("run.yaml"), "name: file\ninner:\n  steps: 1\n  limit: 50\n");
        Sample sample = Configs.read(
                Sample.defaults(),
                file,
                List.of("inner.steps=2", "inner.steps = 3", "sources=[a, b]", "inner.pattern=5:1,15:3"));
        assertThat(sample.name()).isEqualTo("file");
        assertThat(sample.inner().steps()).isEqualTo(3);
        assertThat(sample.inner().limit()).isEqualTo(50);
        assertThat(sample.inner().pattern()).isEqualTo(DilationPattern.parse("5:1,15:3"));
        assertThat(sample.sources()).containsExactly("a", "b");
    }

    @Test
    void aSettingMayRepairWhatTheFileAloneWouldBreak(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("run.yaml"), "inner: {limit: 0}");
        assertThatThrownBy(() -> Configs.read(Sample.class, file)).hasMessageContaining("must stay below");
        assertThat(Configs.read(Sample.defaults(), file, List.of("inner.rate=-1"))
                        .inner()
                        .limit())
                .isZero();
    }

    @Test
    void aSettingKeepsTextAfterTheFirstEqualsSign() {
        assertThat(Configs.with(Sample.defaults(), "name=a=b: [c]").name()).isEqualTo("a=b: [c]");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "inner: {step: 3}            | run.yaml:1: unknown key inner.step; did you mean inner.steps?",
                "innr: {steps: 3}            | run.yaml:1: unknown key innr; did you mean inner?",
                "steps: 3                    | run.yaml:1: unknown key steps; did you mean inner.steps?",
                "inner: {Causal: true}       | run.yaml:1: unknown key inner.Causal; did you mean inner.causal?",
                "inner: {zebra: 3}           | run.yaml:1: unknown key inner.zebra; the keys of inner are steps, limit, rate, causal, colour, pattern",
                "zebra: 3                    | run.yaml:1: unknown key zebra; the keys here are name, inner, sources",
                "inner: {steps: many}        | run.yaml:1: inner.steps: \"many\" is not a whole number such as 8192, 8k or 1m",
                "inner: {steps: 2.5}         | run.yaml:1: inner.steps: \"2.5\" is not a whole number such as 8192, 8k or 1m",
                "inner: {steps: 3g}          | run.yaml:1: inner.steps: \"3g\" is outside of -2^31 to 2^31 - 1",
                "inner: {limit: 99999999999g}| run.yaml:1: inner.limit: \"99999999999g\" is outside of -2^63 to 2^63 - 1",
                "inner: {rate: fast}         | run.yaml:1: inner.rate: \"fast\" is not a number such as 0.1 or 1e-3",
                "inner: {rate: .nan}         | run.yaml:1: inner.rate: \".nan\" is not a number such as 0.1 or 1e-3",
                "inner: {causal: 1}          | run.yaml:1: inner.causal: \"1\" is not true or false",
                "inner: {colour: rde}        | run.yaml:1: inner.colour: \"rde\" is not red or dark_blue; did you mean red?",
                "inner: {steps: [3]}         | run.yaml:1: inner.steps must hold a whole number, found a list",
                "inner: {steps: }            | run.yaml:1: inner.steps must hold a whole number, found nothing",
                "inner: 3                    | run.yaml:1: inner must hold keys below it, such as inner.steps, found \"3\"",
                "name: {first: x}            | run.yaml:1: name must hold a text, found keys",
                "sources: {a: b}             | run.yaml:1: sources must hold texts such as [a, b], found keys",
                "inner: {steps: 13}          | inner.steps 13 brings bad luck; use 12",
                "inner: {limit: 0}           | inner: the rate 0.001 must stay below limit 0",
                "inner: {steps: 1, steps: 2} | run.yaml:1: key steps is written twice, first at run.yaml:1; keep one",
                "[a, b]                      | run.yaml:1: expected keys such as \"train:\" but found a list",
                "word                        | run.yaml:1: expected keys such as \"train:\" but found a single value",
                "inner: &x {steps: 1}        | ",
            })
    void saysWhatIsWrongInOneSentence(String yaml, String message) {
        if (message == null) {
            assertThat(parse(yaml).inner().steps()).isEqualTo(1);
            return;
        }
        assertThatThrownBy(() -> parse(yaml))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void passesOnWhyAPatternIsRefused() {
        assertThatThrownBy(() -> parse("name: x\ninner:\n  pattern: 4:8\n"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("run.yaml:3: inner.pattern: ")
                .hasMessageContaining("larger than its segment");
    }

    @ParameterizedTest
    @ValueSource(strings = {"inner: {steps: 1", "a: b: c", "inner:\n\tsteps: 1\n", "name: \"open", "a: 1\n b: 2\n"})
    void brokenYamlIsOneSentenceWithLineAndColumn(String yaml) {
        assertThatThrownBy(() -> parse(yaml))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .matches("run\\.yaml:\\d+:\\d+: not valid YAML: .+")
                .doesNotContain("\n");
    }

    @Test
    void refusesReferencesAndSecondDocuments() {
        assertThatThrownBy(() -> parse("name: &n x\nsources: [*n]\n")).hasMessageContaining("are not supported");
        assertThatThrownBy(() -> parse("name: x\n---\nname: y\n")).hasMessageContaining("second document");
    }

    @ParameterizedTest
    @CsvSource({
        "inner.step=3,--set inner.step=3: unknown key inner.step; did you mean inner.steps?",
        "inner.steps,'--set inner.steps is not KEY=VALUE, such as train.steps=500'",
        "=3,'--set =3 is not KEY=VALUE, such as train.steps=500'",
        "inner.steps=,'--set inner.steps=: inner.steps: \"\" is not a whole number such as 8192, 8k or 1m'",
        "inner.steps.deep=3,'--set inner.steps.deep=3: inner.steps must hold a whole number, found keys'",
    })
    void saysWhichSettingIsWrong(String setting, String message) {
        assertThatThrownBy(() -> Configs.with(Sample.defaults(), setting))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void unreadableFilesAreNotTheCallersArguments(@TempDir Path folder) throws Exception {
        Path missing = folder.resolve("none.yaml");
        assertThatThrownBy(() -> Configs.read(Sample.class, missing))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("does not exist");
        assertThatThrownBy(() -> Configs.read(Sample.class, folder)).isInstanceOf(LongNetException.class);
        Path latin = Files.write(folder.resolve("l.yaml"), "name: \u00e9".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> Configs.read(Sample.class, latin)).hasMessageContaining("not UTF-8");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "plain",
                "true",
                "Null",
                "",
                " ",
                "a: b # c",
                "x\ny\t\"z\\",
                "\u00e9\u4e2d",
                "12",
                "-",
                "C:\\data",
                "~"
            })
    void writesYamlThatReadsBackEqual(String text) {
        Sample sample = new Sample(
                text,
                new Sample.Inner(
                        -5, Long.MAX_VALUE, 1.7e-9, false, Sample.Colour.DARK_BLUE, DilationPattern.parse("7:1,35:5")),
                List.of(text, "a,b", "[c]"));
        String yaml = Configs.toYaml(sample);
        assertThat(parse(yaml)).isEqualTo(sample);
        assertThat(yaml).contains("  # how many (steps)\n  steps: -5\n");
    }
}
