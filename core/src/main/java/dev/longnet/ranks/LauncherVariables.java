package dev.longnet.ranks;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.InvalidArgumentException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The environment variables by which launchers tell a process its rank. The first of these that are set count:
 *
 * <ol>
 *   <li>torchrun's RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT, all of them;
 *   <li>those of a Slurm step, which srun starts. A batch script without srun is one process, and no rank. MASTER_ADDR is
 *       the step's first machine and MASTER_PORT comes from the job's number unless they are set;
 *   <li>JOB_COMPLETION_INDEX of a Kubernetes Indexed Job with WORLD_SIZE, MASTER_ADDR and MASTER_PORT. A job that sets
 *       none of the three computes each index for itself.
 * </ol>
 *
 * LONGNET_ATTEMPT is the word of the attempt.
 */
public final class LauncherVariables {
    /** Slurm numbers from here on what is not a step of srun: interactive shells, batch scripts, what stands outside. */
    private static final long NO_STEP = 0xFFFFFFFAL;

    private static final int FIRST_PORT = 20_000, PORTS = 10_000;
    private static final Path KERNELS_NAME = Path.of("/proc/sys/kernel/hostname");
    private static final Pattern TASKS = Pattern.compile("(\\d+)(?:\\(x(\\d+)\\))?"),
            FIRST_HOST = Pattern.compile("([^,\\[]+)(?:\\[(\\w+)[^\\]]*\\]([^,\\[]*))?.*");

    private final Map<String, String> environment;

    private LauncherVariables(Map<String, String> environment) {
        this.environment = environment;
    }

    /**
     * The place that a launcher gave this process.
     *
     * @param environment such as {@link System#getenv()}
     * @return empty where no launcher has set anything
     * @throws InvalidArgumentException if variables are missing or contradict each other
     */
    public static Optional<RankPlace> read(Map<String, String> environment) {
        LauncherVariables variables = new LauncherVariables(environment);
        boolean where = variables.has("MASTER_ADDR") || variables.has("MASTER_PORT");
        if (variables.has("RANK") || variables.has("LOCAL_RANK")) {
            return Optional.of(variables.torchrun());
        } else if (variables.inStep()) {
            return Optional.of(variables.slurm());
        } else if (variables.has("WORLD_SIZE") || where && !variables.has("SLURM_JOB_ID")) {
            return Optional.of(variables.has("JOB_COMPLETION_INDEX") ? variables.kubernetes() : variables.torchrun());
        }
        return Optional.empty();
    }

    private RankPlace torchrun() {
        String why =
                "is missing beside the other variables of a rank: set RANK, WORLD_SIZE, LOCAL_RANK (0 where a machine"
                        + " has one rank), LOCAL_WORLD_SIZE (then 1), MASTER_ADDR and MASTER_PORT, or none of them";
        return place(
                number(why, "RANK"),
                number(why, "WORLD_SIZE"),
                number(why, "LOCAL_RANK"),
                number(why, "LOCAL_WORLD_SIZE"),
                text(why, "MASTER_ADDR"),
                number(why, "MASTER_PORT"),
                attempt(""));
    }

    private RankPlace kubernetes() {
        String why =
                "is missing beside JOB_COMPLETION_INDEX: set WORLD_SIZE to the job's completions, MASTER_ADDR to the"
                        + " name of the pod with index 0 and MASTER_PORT to a free port there";
        return place(
                number(why, "JOB_COMPLETION_INDEX"),
                number(why, "WORLD_SIZE"),
                has("LOCAL_RANK") ? number(why, "LOCAL_RANK") : 0,
                has("LOCAL_WORLD_SIZE") ? number(why, "LOCAL_WORLD_SIZE") : 1,
                text(why, "MASTER_ADDR"),
                number(why, "MASTER_PORT"),
                attempt(""));
    }

    private RankPlace slurm() {
        String why = "is missing in a step of Slurm; start the ranks with srun, or set RANK, WORLD_SIZE, LOCAL_RANK,"
                + " LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT";
        int size = number(why, "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS");
        requireArgument(
                !has("WORLD_SIZE") || number(why, "WORLD_SIZE") == size,
                "WORLD_SIZE is %s and srun started %d tasks; unset WORLD_SIZE or set RANK as well",
                environment.get("WORLD_SIZE"),
                size);
        long job = wholeNumber(why, "SLURM_JOB_ID"), step = wholeNumber(why, "SLURM_STEP_ID");
        return place(
                number(why, "SLURM_PROCID"),
                size,
                number(why, "SLURM_LOCALID"),
                tasksOf(number(why, "SLURM_NODEID"), text(why, "SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE")),
                has("MASTER_ADDR")
                        ? text(why, "MASTER_ADDR")
                        : firstHost(text(why, "SLURM_STEP_NODELIST", "SLURM_NODELIST")),
                has("MASTER_PORT") ? number(why, "MASTER_PORT") : FIRST_PORT + (int) ((job + step) % PORTS),
                attempt(job + "." + step + "." + environment.getOrDefault("SLURM_RESTART_COUNT", "0")));
    }

    private RankPlace place(int rank, int size, int localRank, int localSize, String master, int port, String attempt) {
        return new RankPlace(rank, size, localRank, localSize, host(), master, port, attempt);
    }

    private String attempt(String otherwise) {
        return environment.getOrDefault("LONGNET_ATTEMPT", otherwise);
    }

    private boolean inStep() {
        return has("SLURM_STEP_ID") && wholeNumber("", "SLURM_STEP_ID") < NO_STEP;
    }

    private boolean has(String name) {
        return !environment.getOrDefault(name, "").isBlank();
    }

    /** The value of the first of these variables that is set. */
    private String text(String why, String... names) {
        return environment.get(first(why, names)).strip();
    }

    private String first(String why, String... names) {
        return Stream.of(names)
                .filter(this::has)
                .findFirst()
                .orElseThrow(() -> new InvalidArgumentException("%s %s", names[0], why));
    }

    private int number(String why, String... names) {
        long number = wholeNumber(why, names);
        requireArgument(number <= Integer.MAX_VALUE, "%s is %d, which is too large; correct it", names[0], number);
        return (int) number;
    }

    private long wholeNumber(String why, String... names) {
        String value = text(why, names);
        requireArgument(
                value.matches("\\d{1,18}"),
                "%s must be a whole number, got \"%s\"; correct it",
                first(why, names),
                value);
        return Long.parseLong(value);
    }

    /** Tasks on a node, from a text such as "4(x2),3". */
    private static int tasksOf(int node, String tasks) {
        int at = 0;
        for (Matcher m = TASKS.matcher(tasks); m.find(); ) {
            at += m.group(2) == null ? 1 : Integer.parseInt(m.group(2));
            if (node < at) {
                return Integer.parseInt(m.group(1));
            }
        }
        throw new InvalidArgumentException(
                "SLURM_STEP_TASKS_PER_NODE \"%s\" has no node %d; set RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE,"
                        + " MASTER_ADDR and MASTER_PORT yourself",
                tasks, node);
    }

    /** The first machine of a text such as "gpu[01-04,07],login". */
    private static String firstHost(String hosts) {
        Matcher m = FIRST_HOST.matcher(hosts);
        requireArgument(m.matches(), "SLURM_STEP_NODELIST \"%s\" cannot be read; set MASTER_ADDR", hosts);
        return m.group(2) == null ? m.group(1) : m.group(1) + m.group(2) + m.group(3);
    }

    private String host() {
        for (String name : new String[] {"SLURMD_NODENAME", "HOSTNAME"}) {
            if (has(name)) {
                return environment.get(name).strip();
            }
        }
        String name = kernelsName();
        if (!name.isEmpty()) {
            return name;
        }
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    /** What Linux calls this machine, also where no name service knows it; empty elsewhere. */
    private static String kernelsName() {
        try {
            return Files.readString(KERNELS_NAME).strip();
        } catch (IOException e) {
            return "";
        }
    }
}
