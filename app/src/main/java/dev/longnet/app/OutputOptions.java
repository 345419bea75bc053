package dev.longnet.app;

import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** The options {@code --json}, {@code --quiet} and {@code --help} that every command has; use as a {@link Mixin}. */
public final class OutputOptions {
    @Spec(Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--json",
            description = "Prints one JSON object a line on standard output; text for people goes to standard error.")
    private boolean json;

    @Option(names = "--quiet", description = "Shows no progress.")
    private boolean quiet;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    private boolean help;

    /** The output that the options ask for. */
    public Output output() {
        CommandLine commandLine = command.commandLine();
        return new Output(commandLine.getOut(), commandLine.getErr(), json, quiet ? Terminal.SILENT : Terminal.here());
    }
}
