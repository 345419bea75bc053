package dev.longnet.spark;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.SparkConf;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * The command line {@code longnet-spark}: {@code longnet train} in several ranks, placed by Apache Spark.
 *
 * <p>Exit codes: 0 the run is complete, 1 it failed, 2 it was called wrongly.
 */
@Command(
        name = "longnet-spark",
        description = {
            "Runs \"longnet train\" in several ranks, which Apache Spark places on the machines of its cluster.",
            "The data, the run folder and the folder you start it in must be on a disk that all machines share."
        },
        sortOptions = false,
        footer = {
            "",
            "For example: longnet-spark --master spark://host:7077 --ranks 4 train --data docs --out runs/x",
            "A failed attempt is made again from the last checkpoint, 4 times in all;",
            "--conf spark.stage.maxConsecutiveAttempts=N changes that."
        })
public final class Main implements Callable<Integer> {
    /** The folder of the program that ranks run: {@code longnet-app-*.jar}, and its libraries in {@code lib}. */
    private static final String PROGRAM = "longnet.program";

    private static final String MAIN_CLASS = "dev.longnet.app.Main";
    private static final int WIDTH = 100;

    @Spec
    private CommandSpec spec;

    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "The cluster, such as spark://host:7077; without it what Spark's own configuration says.")
    private String master;

    @Option(
            names = "--ranks",
            required = true,
            paramLabel = "N",
            description = "Processes that train together; on GPUs one for each.")
    private int ranks;

    @Option(
            names = "--conf",
            paramLabel = "NAME=VALUE",
            description = "A setting of Spark, such as spark.task.resource.gpu.amount=1; may be given again.")
    private Map<String, String> settings = new LinkedHashMap<>();

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this.")
    private boolean help;

    @Parameters(
            arity = "1..*",
            hideParamSyntax = true,
            paramLabel = "train …",
            description = "\"train\" and its options, as for longnet; \"longnet train --help\" describes them.")
    private List<String> arguments;

    /** Runs the command and exits with its code. */
    public static void main(String[] args) {
        System.exit(run(args));
    }

    static int run(String... args) {
        return new CommandLine(new Main())
                .setUsageHelpWidth(WIDTH)
                .setStopAtPositional(true)
                .setParameterExceptionHandler((e, arguments) -> {
                    say(e.getMessage().lines().findFirst().orElse("wrong call") + " (see longnet-spark --help)");
                    return CommandLine.ExitCode.USAGE;
                })
                .setExecutionExceptionHandler((e, command, parsed) -> {
                    say(e.getMessage() == null ? e.toString() : e.getMessage());
                    if ("1".equals(System.getenv("LONGNET_DEBUG"))) {
                        e.printStackTrace();
                    }
                    return e instanceof RefusedException refused ? refused.exitCode() : CommandLine.ExitCode.SOFTWARE;
                })
                .execute(args);
    }

    @Override
    public Integer call() throws IOException, URISyntaxException {
        check();
        List<Path> jars = programJars();
        Path module = Path.of(
                Main.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        SparkConf conf = new SparkConf(); // takes what spark-submit has read
        if (master != null) {
            conf.setMaster(master);
        }
        settings.forEach(conf::set);
        new TrainingJob(jars, module, MAIN_CLASS, arguments, ranks).run(conf, Main::say);
        return CommandLine.ExitCode.OK;
    }

    /** Before the first class of Spark, which would write to the log. */
    private void check() {
        if (ranks < 1) {
            throw wrong("--ranks must be 1 or more, got " + ranks);
        }
        if (!arguments.get(0).equals("train")) {
            throw wrong("longnet-spark runs train alone, got " + arguments.get(0)
                    + "; run other commands with longnet on one machine");
        }
        if (Program.out(arguments).isEmpty()) {
            throw wrong("train has no --out; give the run a folder that all machines share");
        }
        if (master == null && setting("spark.master") == null) {
            throw wrong("no cluster is named; give --master spark://host:7077, or local[" + ranks
                    + "] for this machine alone");
        }
        if ("cluster".equals(setting("spark.submit.deployMode"))) {
            throw wrong("longnet-spark sends the program from where it is started; leave spark.submit.deployMode at"
                    + " client");
        }
    }

    private String setting(String name) {
        return settings.getOrDefault(name, System.getProperty(name));
    }

    private static List<Path> programJars() throws IOException {
        Path program = Path.of(System.getProperty(PROGRAM, "app/target"));
        List<Path> jars = new ArrayList<>(jars(program, "longnet-app-*.jar"));
        jars.addAll(jars(program.resolve("lib"), "*.jar"));
        if (jars.isEmpty()) {
            throw new IOException("no longnet-app jar in " + program + "; start it with the script longnet-spark");
        }
        return jars;
    }

    private static List<Path> jars(Path folder, String glob) throws IOException {
        List<Path> jars = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, glob)) {
                files.forEach(jars::add);
            }
        }
        jars.sort(null);
        return jars;
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private static void say(String sentence) {
        System.err.println("longnet-spark: " + sentence);
    }
}
