package dev.longnet.app;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The command line {@code longnet}: finds the command, runs it and turns its end into an exit code.
 *
 * <p>Exit codes: 0 the command did what was asked, 1 it failed, 2 it was called wrongly. A command class must not have
 * fields or methods with libtorch types in their signatures, so that help starts without loading it.
 */
@Command(
        name = "longnet",
        description = "Trains, measures and runs transformers with dilated attention.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            QuickstartCommand.class,
            TrainCommand.class,
            EvalCommand.class,
            ReadCommand.class,
            GenerateCommand.class,
            ServeCommand.class,
            Bench.class,
            PlanCommand.class,
            Verify.class,
            ReportCommand.class,
            Doctor.class,
        },
        footer = {"", "\"longnet COMMAND --help\" describes a command. LONGNET_JAVA_OPTS adds flags of the JVM."})
public final class Main implements Runnable {
    private static final int WIDTH = 100;

    /** What the library logs is one line on the error output. */
    private static final String LOG_FORMAT = "java.util.logging.SimpleFormatter.format";

    /** Property that names the file for results; see {@link #standardOutput}. */
    static final String OUTPUT = "longnet.output";

    @Spec
    private CommandSpec spec;

    /** Runs the command that the arguments name and exits with its code. */
    public static void main(String[] args) {
        if (System.getProperty(LOG_FORMAT) == null) {
            System.setProperty(LOG_FORMAT, "longnet: %5$s%n");
        }
        PrintWriter out = writer(standardOutput());
        PrintWriter err = writer(System.err);
        int code = run(out, err, "1".equals(System.getenv("LONGNET_DEBUG")), args);
        out.flush();
        err.flush();
        System.exit(code);
    }

    /** Runs a command in this process; nothing that it throws comes out. */
    static int run(PrintWriter out, PrintWriter err, boolean debug, String... args) {
        Failures failures = new Failures(err, debug);
        try {
            return commandLine(out, err)
                    .setParameterExceptionHandler((e, arguments) -> failures.report(e, e.getCommandLine()))
                    .setExecutionExceptionHandler((e, command, parsed) -> failures.report(e, command))
                    .execute(args);
        } catch (Throwable e) { // errors of the JVM, which picocli lets pass
            return failures.report(e, null);
        }
    }

    private static CommandLine commandLine(PrintWriter out, PrintWriter err) {
        CommandLine commandLine = new CommandLine(new Main())
                .setOut(out)
                .setErr(err)
                .setUsageHelpWidth(WIDTH)
                .setCaseInsensitiveEnumValuesAllowed(true);
        Converters.register(commandLine);
        for (String name : List.of("train", "eval")) { // they take lists, which an unknown option must not join
            commandLine.getSubcommands().get(name).setUnmatchedOptionsAllowedAsOptionParameters(false);
        }
        commandLine.getSubcommands().values().forEach(command -> ConfigOptions.describe(command, WIDTH));
        return commandLine;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "no command given; use " + String.join(", ", spec.subcommands().keySet()));
    }

    /** Where results go: libtorch writes to standard output too, so the launcher may give us another file for it. */
    private static OutputStream standardOutput() {
        String file = System.getProperty(OUTPUT);
        try {
            return file == null ? System.out : new FileOutputStream(file, true);
        } catch (IOException e) {
            return System.out;
        }
    }

    private static PrintWriter writer(OutputStream stream) {
        return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
    }
}
