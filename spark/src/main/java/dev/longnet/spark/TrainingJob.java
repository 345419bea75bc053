package dev.longnet.spark;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.ShutdownHookManager;
import scala.reflect.ClassTag;
import scala.runtime.BoxedUnit;

/**
 * A Spark application that runs all ranks of one training run side by side, in one barrier stage.
 *
 * @param jars the class path of the ranks; Spark copies the jars to the executors
 * @param module the jar of this package, which the executors need as well
 * @param mainClass what each rank runs
 * @param arguments the arguments of {@code mainClass}
 * @param ranks how many processes
 */
record TrainingJob(List<Path> jars, Path module, String mainClass, List<String> arguments, int ranks) {
    private static final String GROUP = "ranks";
    private static final int WRONG_CALL = 2;
    private static final int BEFORE_SPARKS = 100; // Spark's own hooks have 50 and less

    /** What a Spark configuration gets where it does not say otherwise. */
    private static final Map<String, String> DEFAULTS = Map.of(
            "spark.app.name", "longnet train",
            "spark.log.level", "ERROR",
            // Executors report one by one: look again every second, for a minute, until there are slots for all ranks.
            "spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "1s",
            "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures", "60",
            "spark.dynamicAllocation.enabled", "false",
            "spark.speculation", "false");

    /**
     * Runs the ranks until all have ended well, in as many attempts as {@code spark.stage.maxConsecutiveAttempts}
     * allows (4).
     *
     * @param conf says where the cluster is; takes the defaults above and the variables {@code LONGNET_*}
     * @param output takes sentences for the user
     * @throws RefusedException when another attempt could not help
     * @throws RankFailedException when a rank failed in the last attempt, there was no room for all, or no cluster
     */
    void run(SparkConf conf, Consumer<String> output) {
        DEFAULTS.forEach(conf::setIfMissing);
        System.getenv().forEach((name, value) -> {
            if (name.startsWith("LONGNET_")) {
                conf.setIfMissing("spark.executorEnv." + name, value);
            }
        });
        JavaSparkContext spark = start(conf);
        Attempts attempts = new Attempts(spark.sc(), GROUP, ranks, output);
        AtomicBoolean ending = new AtomicBoolean();
        try {
            spark.sc().addSparkListener(attempts);
            // Runs before Spark's own hook, which would stop the executors, and so the ranks, before they have saved.
            ShutdownHookManager.addShutdownHook(BEFORE_SPARKS, () -> {
                if (!spark.sc().isStopped()) {
                    ending.set(true);
                    output.accept("ending; the ranks finish their step and save, and --resume goes on from there");
                    spark.cancelJobGroup(GROUP);
                    attempts.awaitRanks();
                }
                return BoxedUnit.UNIT;
            });
            run(spark);
        } catch (Exception e) {
            attempts.awaitRanks();
            spark.stop(); // hands all events to the listener
            if (!ending.get()) { // else all is said, and the JVM ends with its signal's exit code
                throw failure(e instanceof ExecutionException ? e.getCause() : e, attempts, conf.get("spark.master"));
            }
        } finally {
            spark.stop();
        }
    }

    private static JavaSparkContext start(SparkConf conf) {
        try {
            return new JavaSparkContext(conf);
        } catch (Exception e) { // Scala throws checked ones without saying so
            throw noCluster(e, conf.get("spark.master"));
        }
    }

    /** Why Spark could not start. */
    static RankFailedException noCluster(Throwable e, String master) {
        String reason = firstLine(e);
        if (isStopped(reason)) {
            return new RankFailedException("no answer from " + master
                    + "; see that the cluster's master runs, and under this address as its log says it");
        }
        String message = "Spark cannot start on " + master + ": " + reason;
        boolean wrongCall = e instanceof IllegalArgumentException // a setting's value
                || reason.toLowerCase(Locale.ROOT).contains("master url");
        return wrongCall ? new RefusedException(message, WRONG_CALL) : new RankFailedException(message);
    }

    /** Spark stops its context by itself when no master answers, so that the next call on it finds it so. */
    private static boolean isStopped(String message) {
        return message.startsWith("Cannot call methods on a stopped SparkContext");
    }

    private static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    private void run(JavaSparkContext spark) throws Exception {
        spark.addJar(module.toString());
        Program program = new Program(
                Stream.concat(jars.stream(), Stream.of(module))
                        .map(jar -> {
                            spark.addFile(jar.toString());
                            return jar.getFileName().toString();
                        })
                        .toList(),
                mainClass,
                arguments,
                System.getProperty("user.dir"));
        spark.setJobGroup(GROUP, "ranks", true);
        JavaRDD<Integer> tasks =
                spark.parallelize(IntStream.range(0, ranks).boxed().toList(), ranks);
        // Spark runs a failed barrier stage again only where a shuffle follows it.
        JavaRDD.fromRDD(tasks.rdd().barrier().mapPartitions(new RankTask(program), false, tag()), tag())
                .repartition(1)
                .collect();
    }

    private static ClassTag<Integer> tag() {
        return ClassTag.apply(Integer.class);
    }

    private RankFailedException failure(Throwable e, Attempts attempts, String master) {
        if (attempts.failure().isPresent()) {
            RankFailedException failure = attempts.failure().get();
            return failure instanceof RefusedException
                    ? failure
                    : new RankFailedException(
                            "the last attempt failed: " + firstLine(failure)); // the rest was said already
        }
        String message = firstLine(e);
        if (isStopped(message)) {
            return noCluster(e, master);
        }
        if (message.contains("SPARK-24819")) { // the barrier's check of slots
            message = ranks + " ranks need " + ranks + " task slots at once, and the cluster has fewer; start more"
                    + " workers, use fewer --ranks, or lower spark.task.cpus";
        }
        return new RankFailedException(message);
    }
}
