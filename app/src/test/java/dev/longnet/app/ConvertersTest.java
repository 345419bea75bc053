package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.config.Configs;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.train.RunConfig;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** Options as commands declare them. */
class ConvertersTest {
    @Command(name = "sample")
    static final class Sample {
        @Option(names = "--lengths", split = ",")
        private List<Long> lengths;

        @Option(names = "--batch")
        private int batch;

        @Option(names = "--pattern")
        private DilationPattern pattern;

        @Mixin
        private ConfigOptions config;
    }

    private final Sample sample = new Sample();
    private final CommandLine command = new CommandLine(sample);

    ConvertersTest() {
        Converters.register(command);
    }

    @Test
    void readsLengthsAndPatterns() {
        command.parseArgs("--lengths", "1k,2k,7,1m", "--batch", "3k", "--pattern", "7:1,35:5");
        assertThat(sample.lengths).containsExactly(1024L, 2048L, 7L, 1L << 20);
        assertThat(sample.batch).isEqualTo(3072);
        assertThat(sample.pattern).isEqualTo(DilationPattern.parse("7:1,35:5"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--lengths=1k,x | \"x\" is not a whole number such as 8192, 8k or 1m",
                "--batch=4g     | \"4g\" is outside of -2^31 to 2^31 - 1",
                "--pattern=4:8  | larger than its segment",
            })
    void passesOnWhatIsWrong(String option, String message) {
        assertThatThrownBy(() -> command.parseArgs(option))
                .isInstanceOf(ParameterException.class)
                .hasMessageContaining(message)
                .hasMessageContaining(option.substring(0, option.indexOf('=')))
                .hasMessageNotContaining("Exception");
    }

    @Test
    void settingsGoOverTheFile(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("run.yaml"), "train: {steps: 3, batch: 5}");
        command.parseArgs("--config", file.toString(), "--set", "train.steps=7", "--set", "data.sources=[a, b]");
        RunConfig expected =
                Configs.with(RunConfig.defaults(), "train.steps=7", "train.batch=5", "data.sources=[a, b]");
        assertThat(sample.config.given()).isTrue();
        assertThat(sample.config.read(RunConfig.defaults())).isEqualTo(expected);
    }

    @Test
    void withoutOptionsTheBaseStays() {
        command.parseArgs();
        assertThat(sample.config.given()).isFalse();
        assertThat(sample.config.read(RunConfig.defaults())).isEqualTo(RunConfig.defaults());
    }

    @Test
    void helpListsTheKeys() {
        ConfigOptions.describe(command, 100);
        StringWriter help = new StringWriter();
        command.usage(new PrintWriter(help, true));
        assertThat(help.toString()).contains("--config=FILE", "train.steps=500", "model.pattern=", "data.tokenizer=");
    }
}
