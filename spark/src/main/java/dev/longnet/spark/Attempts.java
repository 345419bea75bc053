package dev.longnet.spark;

import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskFailedReason;
import org.apache.spark.TaskKilled;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;

/** Tells the user where the ranks of each attempt run and why one ended; stops the job where no attempt would help. */
final class Attempts extends SparkListener {
    /** The first stage of the only job of the context; the other one gathers what it left, which is nothing. */
    private static final int RANKS_STAGE = 0;

    private final SparkContext spark;
    private final String group;
    private final int ranks;
    private final Consumer<String> output;
    private final TreeMap<Integer, String> hosts = new TreeMap<>();
    private RankFailedException failure;
    private int failedAttempt;
    private int running;

    /**
     * @param group the job group that runs the ranks and nothing else
     * @param output takes sentences for the user
     */
    Attempts(SparkContext spark, String group, int ranks, Consumer<String> output) {
        this.spark = spark;
        this.group = group;
        this.ranks = ranks;
        this.output = output;
    }

    /**
     * What the first rank that failed in the last attempt said; those after it may have missed it alone. Known for sure
     * only once the context has stopped.
     */
    synchronized Optional<RankFailedException> failure() {
        return Optional.ofNullable(failure);
    }

    /** Waits until every rank has ended, or for longer than ranks that were cancelled get to save. */
    synchronized void awaitRanks() {
        long end = System.nanoTime() + 2 * TimeUnit.MILLISECONDS.toNanos(LaunchedRank.GRACE_MILLIS);
        boolean interrupted = false;
        while (running > 0 && System.nanoTime() < end) {
            try {
                TimeUnit.SECONDS.timedWait(this, 1);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public synchronized void onTaskStart(SparkListenerTaskStart start) {
        if (start.stageId() != RANKS_STAGE) {
            return;
        }
        running++;
        hosts.put(start.taskInfo().index(), start.taskInfo().host());
        if (hosts.size() == ranks) {
            String places = hosts.values().stream()
                    .collect(Collectors.groupingBy(host -> host, TreeMap::new, Collectors.counting()))
                    .entrySet()
                    .stream()
                    .map(host -> host.getValue() + (host.getValue() == 1 ? " rank on " : " ranks on ") + host.getKey())
                    .collect(Collectors.joining(", "));
            output.accept("attempt " + (start.stageAttemptId() + 1) + ": " + places);
            hosts.clear();
        }
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        if (end.stageId() == RANKS_STAGE) {
            running--;
            notifyAll();
        }
        boolean failed = end.reason() instanceof TaskFailedReason && !(end.reason() instanceof TaskKilled);
        if (!failed || failure instanceof RefusedException) {
            return;
        }
        RankFailedException latest = failure((TaskFailedReason) end.reason());
        if (latest instanceof RefusedException) {
            failure = latest;
            spark.cancelJobGroup(group);
            return;
        }
        output.accept(latest.getMessage());
        if (failure == null || end.stageAttemptId() != failedAttempt) {
            failure = latest;
            failedAttempt = end.stageAttemptId();
        }
    }

    private static RankFailedException failure(TaskFailedReason reason) {
        boolean ranks = reason instanceof ExceptionFailure failure
                && failure.exception().isDefined()
                && failure.exception().get() instanceof RankFailedException;
        return ranks
                ? (RankFailedException) ((ExceptionFailure) reason).exception().get()
                : new RankFailedException(reason.toErrorString()); // such as an executor that was lost
    }
}
