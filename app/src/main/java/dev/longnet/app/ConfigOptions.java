package dev.longnet.app;

import dev.longnet.config.Configs;
import dev.longnet.config.ConfigurationPage;
import dev.longnet.train.RunConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;

/** The options {@code --config} and {@code --set} of commands that take a configuration; use as a {@link Mixin}. */
public final class ConfigOptions {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "YAML file with configuration keys, which are listed below.")
    private Path file;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Sets one configuration key, such as model.layers=2; may be repeated, goes over --config.")
    private List<String> settings = List.of();

    private final Supplier<Record> defaults;

    /** Of a command that is configured as a training run is. */
    public ConfigOptions() {
        this(RunConfig::defaults);
    }

    /** @param defaults the values that the command's help shows */
    ConfigOptions(Supplier<Record> defaults) {
        this.defaults = defaults;
    }

    /** Whether either option was given. */
    public boolean given() {
        return file != null || !settings.isEmpty();
    }

    /** The configuration that the options describe; keys they leave out keep their value in {@code base}. */
    public <T extends Record> T read(T base) {
        return Configs.read(base, file, settings);
    }

    /** Adds the list of keys to the help of a command that has these options. */
    static void describe(CommandLine command, int width) {
        command.getCommandSpec().mixins().values().stream()
                .map(CommandSpec::userObject)
                .filter(ConfigOptions.class::isInstance)
                .map(ConfigOptions.class::cast)
                .forEach(options -> command.getHelpSectionMap()
                        .put(
                                UsageMessageSpec.SECTION_KEY_FOOTER,
                                help -> "\nConfiguration keys and their defaults:\n"
                                        + ConfigurationPage.help(options.defaults.get(), width)));
    }
}
