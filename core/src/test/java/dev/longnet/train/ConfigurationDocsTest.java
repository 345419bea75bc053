package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.config.Configs;
import dev.longnet.config.ConfigurationPage;
import dev.longnet.config.Key;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Holds docs/configuration.md equal to the records; {@code -Dlongnet.docs.write=true} writes it anew. */
class ConfigurationDocsTest {
    private static final Path PAGE = Path.of("..", "docs", "configuration.md");

    @Test
    void thePageSaysWhatTheRecordsSay() throws Exception {
        String page = ConfigurationPage.markdown(RunConfig.defaults());
        if (Boolean.getBoolean("longnet.docs.write")) {
            Files.createDirectories(PAGE.getParent());
            Files.writeString(PAGE, page);
        }
        assertThat(Files.readString(PAGE))
                .as("write it anew with: mvn -pl core test -Dtest=ConfigurationDocsTest -Dlongnet.docs.write=true")
                .isEqualTo(page);
    }

    @Test
    void everyKeyIsInTheHelpAndHasAMeaning() {
        String help = ConfigurationPage.help(RunConfig.defaults(), 60);
        assertThat(Key.of(RunConfig.defaults())).hasSizeGreaterThan(40).allSatisfy(key -> {
            assertThat(key.meaning()).matches("\\p{Lu}.*[^.]");
            assertThat(help).contains("  " + key.path() + "=" + key.value() + "\n");
        });
        assertThat(help.lines().filter(line -> line.startsWith("      "))).allMatch(line -> line.length() <= 60);
    }

    @Test
    void aWholeRunReadsBackEqual() {
        RunConfig run = Configs.with(
                RunConfig.defaults(),
                "model.pattern=7:1,35:5",
                "data.sources=[a b.jar, \"c, d\"]",
                "train.learningRate=6e-4",
                "train.schedule=polynomial");
        assertThat(Configs.parse(RunConfig.class, Configs.toYaml(run), "run.yaml"))
                .isEqualTo(run);
    }

    @Test
    void unknownKeysNameTheNearest() {
        assertThatThrownBy(() -> Configs.with(RunConfig.defaults(), "train.step=5"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("--set train.step=5: unknown key train.step; did you mean train.steps?");
        assertThatThrownBy(() -> Configs.with(RunConfig.defaults(), "model.embedding=250"))
                .hasMessageStartingWith("model.embedding 250 is not a multiple of heads 4");
        assertThatThrownBy(() -> Configs.with(RunConfig.defaults(), "model.causal=false", "model.positions=rotary"))
                .hasMessageStartingWith("model.causal must be true");
    }
}
