package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.longnet.app.LaunchedRanks.Launched;
import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The examples in docs/examples, run as they are by processes of this machine with the variables that Slurm and Kubernetes
 * set.
 */
@EnabledOnOs(OS.LINUX)
class ClusterExamplesTest {
    private static final Path EXAMPLES =
            Path.of("..", "docs", "examples").toAbsolutePath().normalize();

    @TempDir
    private Path folder;

    /** A free port that Slurm's job numbers lead to, which is below those that the system gives away. */
    private static int freePort() throws IOException {
        for (int port = 20_000; port < 30_000; port++) {
            try (ServerSocket socket = new ServerSocket(port)) {
                return socket.getLocalPort();
            } catch (IOException e) {
                // taken
            }
        }
        throw new IOException("no port from 20000 to 29999 is free");
    }

    /** One task on each of two machines. */
    private static final String SRUN = """
            cpus=
            while case $1 in -*) true ;; *) false ;; esac; do
                case $1 in --cpus-per-task=*) cpus=${1#*=} ;; esac
                shift
            done
            [ "$cpus" = "$SLURM_CPUS_PER_TASK" ] || exit 9 # srun does not take it from the batch script
            export SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 "SLURM_STEP_TASKS_PER_NODE=1(x2)" SLURM_STEP_NODELIST=localhost,other
            SLURM_PROCID=0 SLURM_NODEID=0 SLURM_LOCALID=0 SLURMD_NODENAME=localhost "$@" & a=$!
            SLURM_PROCID=1 SLURM_NODEID=1 SLURM_LOCALID=0 SLURMD_NODENAME=other "$@" & b=$!
            wait $a || exit; wait $b
            """;

    @Test
    void slurm() throws Exception {
        Path script = EXAMPLES.resolve("slurm.sh");
        Map<String, String> options = new TreeMap<>();
        Matcher option =
                Pattern.compile("(?m)^#SBATCH --([a-z-]+)(?:=(\\S+))?$").matcher(Files.readString(script));
        while (option.find()) {
            options.put(option.group(1), String.valueOf(option.group(2)));
        }
        assertThat(options).containsKeys("nodes", "cpus-per-task", "requeue", "signal");
        assertThat(options.get("ntasks-per-node")).isEqualTo(options.get("gpus-per-node"));

        RunFolder run = new RunFolder(folder.resolve("runs/slurm"));
        try (LaunchedRanks ranks = new LaunchedRanks(folder)) {
            Files.move(folder.resolve("text"), folder.resolve("docs"));
            Path programs = ranks.script("programs/srun", SRUN).getParent();
            Map<String, String> batch = new HashMap<>(Map.of(
                    "PATH",
                    programs + ":" + System.getenv("PATH"),
                    "SLURM_JOB_ID",
                    String.valueOf(freePort() - 20_000),
                    "SLURM_STEP_ID",
                    "4294967291", // a batch script's own
                    "SLURM_CPUS_PER_TASK",
                    "1"));
            ranks.start(3, batch, List.of("bash", script.toString())).expectSuccess();
            LaunchedRanks.expectTrained(run, 2, 3);

            batch.put("SLURM_RESTART_COUNT", "1");
            ranks.start(5, batch, List.of("bash", script.toString())).expectSuccess();
            LaunchedRanks.expectTrained(run, 2, 5);
        }
    }

    @Test
    void kubernetes() throws Exception {
        List<JsonNode> manifest = read(EXAMPLES.resolve("kubernetes.yaml"));
        JsonNode service = manifest.get(0), job = manifest.get(1);
        JsonNode pod = job.at("/spec/template/spec"), container = pod.at("/containers/0");
        String name = job.at("/metadata/name").asText();
        assertThat(service.at("/spec/clusterIP").asText()).isEqualTo("None");
        assertThat(service.at("/spec/publishNotReadyAddresses").asBoolean()).isTrue();
        assertThat(service.at("/spec/selector/batch.kubernetes.io~1job-name").asText())
                .isEqualTo(name);
        assertThat(pod.at("/subdomain").asText())
                .isEqualTo(service.at("/metadata/name").asText());
        assertThat(job.at("/spec/completionMode").asText()).isEqualTo("Indexed");
        assertThat(job.at("/spec/podFailurePolicy/rules/0/onExitCodes/values/0").asInt())
                .isEqualTo(Failures.WRONG_CALL);
        assertThat(job.at("/spec/podFailurePolicy/rules/0/onExitCodes/containerName")
                        .asText())
                .isEqualTo(container.at("/name").asText());
        assertThat(pod.at("/restartPolicy").asText()).isEqualTo("Never"); // which podFailurePolicy requires
        assertThat(container.at("/volumeMounts/0/name").asText())
                .isEqualTo(pod.at("/volumes/0/name").asText());
        int size = job.at("/spec/completions").asInt();
        assertThat(job.at("/spec/parallelism").asInt()).isEqualTo(size);

        Map<String, String> variables = new HashMap<>();
        String shared = container.at("/volumeMounts/0/mountPath").asText();
        for (JsonNode variable : container.get("env")) {
            assertThat(variable.get("value").isTextual())
                    .as("%s has to be a string", variable)
                    .isTrue();
            variables.put(
                    variable.get("name").asText(),
                    variable.get("value").asText().replace(shared, folder.toString()));
        }
        assertThat(variables).containsEntry("WORLD_SIZE", String.valueOf(size));
        String first = name + "-0." + pod.get("subdomain").asText();
        assertThat(variables.put("MASTER_ADDR", "localhost")).isEqualTo(first);
        variables.put("MASTER_PORT", String.valueOf(freePort()));
        List<String> command = new ArrayList<>();
        container.get("command").forEach(word -> command.add(word.asText()));
        container.get("args").forEach(word -> command.add(word.asText()));

        RunFolder run = new RunFolder(Path.of(variables.get("OUT")));
        try (LaunchedRanks ranks = new LaunchedRanks(folder)) {
            List<Launched> pods = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                variables.put("JOB_COMPLETION_INDEX", String.valueOf(i));
                variables.put("HOSTNAME", name + "-" + i);
                pods.add(ranks.start(3, variables, command));
            }
            for (Launched one : pods) {
                one.expectSuccess();
            }
            LaunchedRanks.expectTrained(run, size, 3);
        }
    }

    private static List<JsonNode> read(Path file) throws IOException {
        YAMLMapper yaml = new YAMLMapper();
        try (MappingIterator<JsonNode> documents =
                yaml.readerFor(JsonNode.class).readValues(file.toFile())) {
            return documents.readAll();
        }
    }
}
