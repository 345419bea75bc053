package dev.longnet.app;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code longnet bench}: the benchmarks, each a command of its own. */
@Command(
        name = "bench",
        description = "Measures attention, training steps, generation, a server or recall.",
        subcommands = {BenchAttention.class, BenchTrain.class, BenchGenerate.class, BenchServe.class, BenchRecall.class
        },
        footer = {"", "\"longnet bench COMMAND --help\" describes a benchmark."})
final class Bench implements Runnable {
    @Spec
    private CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    private boolean help;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "no benchmark given; use "
                        + String.join(", ", spec.subcommands().keySet()));
    }
}
