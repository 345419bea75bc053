package dev.longnet.spark;

import java.io.IOException;
import java.io.PrintStream;
import java.io.Serializable;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.SparkFiles;
import org.apache.spark.TaskKilledException;
import org.apache.spark.resource.ResourceInformation;
import scala.collection.Iterator;
import scala.runtime.AbstractFunction1;

/**
 * What a task of the barrier stage does: finds its rank's place, runs the rank's process and ends as it ends.
 *
 * <p>Attempts after the first go on with the run that the run folder holds by then.
 */
final class RankTask extends AbstractFunction1<Iterator<Integer>, Iterator<Integer>> implements Serializable {
    private static final int FAILED = 1;
    private static final int WRONG_CALL = 2;
    private static final int SIGNALLED = 128;

    private final Program program;

    RankTask(Program program) {
        this.program = program;
    }

    /** @param partition the elements of the task's partition, which are handed on */
    @Override
    public Iterator<Integer> apply(Iterator<Integer> partition) {
        BarrierTaskContext context = BarrierTaskContext.get();
        requireFolder(program.folder(), host());
        List<Greeting> greetings =
                Greeting.parse(context.allGather(greeting(context).text()));
        Placement place = Placement.of(greetings.stream().map(Greeting::host).toList(), context.partitionId());
        boolean held = greetings.get(place.first()).held();
        int attempt = context.stageAttemptNumber();
        if (held && attempt == 0 && !program.resumes()) {
            throw new RefusedException(
                    program.out().orElseThrow()
                            + " already holds a run; go on with --resume, or choose another --out, or delete it",
                    FAILED);
        }
        run(
                context,
                place,
                greetings.get(place.task()).host(),
                held ? program.resumed() : program,
                LaunchedRank.environment(place, attempt, greetings));
        return partition;
    }

    /** Without it relative paths would name other files on this machine than where the command was started. */
    static void requireFolder(String folder, String host) {
        if (!Files.isDirectory(Path.of(folder))) {
            throw new RefusedException(
                    folder + ", where longnet-spark was started, does not exist on " + host
                            + "; start it in a folder that all machines share",
                    FAILED);
        }
    }

    /** The name under which Spark knows this machine. */
    private static String host() {
        return SparkEnv.get().blockManager().blockManagerId().host();
    }

    private Greeting greeting(BarrierTaskContext context) {
        ResourceInformation gpu = context.resourcesJMap().get("gpu");
        boolean held = program.out()
                .map(out -> Files.exists(out.resolve("config.yaml")))
                .orElse(false);
        try (ServerSocket socket = new ServerSocket(0)) {
            return new Greeting(host(), socket.getLocalPort(), held, gpu == null ? "" : gpu.addresses()[0]);
        } catch (IOException e) {
            throw new RankFailedException("no free port to meet on: " + e.getMessage());
        }
    }

    private static void run(
            BarrierTaskContext context,
            Placement place,
            String host,
            Program program,
            Map<String, String> environment) {
        List<Path> classPath =
                program.jars().stream().map(SparkFiles::get).map(Path::of).toList();
        PrintStream out = place.rank() == 0 ? System.out : null;
        PrintStream err = place.rank() == 0 ? System.err : null;
        try (LaunchedRank process = new LaunchedRank(program, classPath, environment, out, err)) {
            int code = process.await(context::isInterrupted);
            if (code != 0) {
                String message = "rank %d of %d on %s ended with %s%s"
                        .formatted(place.rank(), place.world(), host, end(code), process.lastLines());
                throw code == WRONG_CALL ? new RefusedException(message, WRONG_CALL) : new RankFailedException(message);
            }
        } catch (IOException e) {
            throw new RankFailedException("rank %d of %d on %s could not be started: %s"
                    .formatted(place.rank(), place.world(), host, e.getMessage()));
        } catch (InterruptedException e) {
            throw new TaskKilledException("rank " + place.rank() + " was cancelled");
        }
    }

    private static String end(int code) {
        return code > SIGNALLED ? "signal " + (code - SIGNALLED) : "exit code " + code;
    }
}
