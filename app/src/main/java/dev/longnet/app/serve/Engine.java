package dev.longnet.app.serve;

import dev.longnet.generate.Course;
import dev.longnet.generate.Logits;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;

/**
 * The thread that owns the model. Round after round it reads one token of every text that is being continued, all of them in
 * one call, and does one slice of one job, such as a piece of a long prompt; so texts begin and end at any time, and
 * nobody's prompt holds up the others for longer than a slice.
 */
final class Engine implements AutoCloseable {
    private static final long IDLE_MILLIS = 50;

    private final LongNetDecoder model;
    private final int vocabulary;
    private final int jobsAtOnce;
    private final int threads;
    private final BlockingQueue<Job> waiting;
    private final Deque<Job> jobs = new ArrayDeque<>();
    private final List<Running> texts = new ArrayList<>();
    private final Thread thread = new Thread(this::run, "longnet-model");
    private volatile boolean closing;
    private volatile int active;
    private volatile long steps;

    private static final class Running {
        private final Text text;
        private int token;

        Running(Text text, int token) {
            this.text = text;
            this.token = token;
        }
    }

    /**
     * Starts the thread.
     *
     * @param vocabulary tokens that may be chosen
     * @param jobsAtOnce jobs and texts that are worked on at the same time
     * @param waiting jobs that may wait for their turn
     * @param threads of the CPU, 0 for one a core
     */
    Engine(LongNetDecoder model, int vocabulary, int jobsAtOnce, int waiting, int threads) {
        this.model = model;
        this.vocabulary = vocabulary;
        this.jobsAtOnce = jobsAtOnce;
        this.threads = threads;
        this.waiting = new ArrayBlockingQueue<>(waiting);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Takes a job on; one that is refused is closed.
     *
     * @throws BusyException if too many wait already
     * @throws StoppingException if the thread ends
     */
    void submit(Job job) {
        if (closing) {
            job.close();
            throw new StoppingException();
        }
        if (!waiting.offer(job)) {
            job.close();
            throw new BusyException("the server is busy: " + active + " requests are being worked on and "
                    + waiting.size() + " wait; try again in a moment");
        }
        if (closing && waiting.remove(job)) { // the thread may have looked for the last time
            job.close();
            throw new StoppingException();
        }
    }

    /** Jobs and texts that are being worked on. */
    int active() {
        return active;
    }

    /** Jobs whose turn has not come. */
    int waiting() {
        return waiting.size();
    }

    /** How often the texts have been continued by a token each. */
    long steps() {
        return steps;
    }

    /** Continues a text from now on; called on the model's thread by the job that has read its prompt. */
    void begin(Text text) {
        try {
            next(text, text.logits(), null);
        } catch (RuntimeException | Error e) {
            fail(text, e);
        }
    }

    private void run() {
        Throwable cause = new StoppingException();
        try {
            Compute.threads(threads); // each thread of the JVM has a number of its own
            while (!closing) {
                admit();
                step();
                slice();
                active = jobs.size() + texts.size();
            }
        } catch (RuntimeException | Error e) {
            cause = e;
        } finally {
            closing = true;
            end(cause);
        }
    }

    /** Tells all who wait. */
    private void end(Throwable cause) {
        waiting.drainTo(jobs);
        for (Job job : jobs) {
            quietly(() -> job.failed(cause));
            quietly(job::close);
        }
        for (Running each : texts) {
            fail(each.text, cause);
        }
    }

    /** Nobody's end may keep others from theirs. */
    private static void quietly(Runnable end) {
        try {
            end.run();
        } catch (RuntimeException | Error e) {
            // there is nobody left to tell
        }
    }

    /** Whether the thread works. */
    boolean isWell() {
        return thread.isAlive();
    }

    private void admit() {
        waiting.removeIf(job -> {
            boolean abandoned = job.abandoned();
            if (abandoned) {
                quietly(job::close);
            }
            return abandoned;
        });
        try {
            if (jobs.isEmpty() && texts.isEmpty()) {
                Job job = waiting.poll(IDLE_MILLIS, TimeUnit.MILLISECONDS);
                if (job != null) {
                    jobs.add(job);
                }
            }
            for (Job next = waiting.peek(); next != null && fits(next); next = waiting.peek()) {
                jobs.add(waiting.take());
            }
            active = jobs.size() + texts.size();
        } catch (InterruptedException e) {
            closing = true;
        }
    }

    /** Whether a job and the texts it will make have room beside those that are worked on. */
    private boolean fits(Job job) {
        int all = texts.size() + jobs.stream().mapToInt(Job::weight).sum();
        return all == 0 || all + job.weight() <= jobsAtOnce;
    }

    /** One token of every text. */
    private void step() {
        for (Iterator<Running> each = texts.iterator(); each.hasNext(); ) {
            Text text = each.next().text;
            if (text.owner().abandoned()) {
                text.session().close();
                each.remove();
            }
        }
        if (texts.isEmpty()) {
            return;
        }
        List<Running> now = List.copyOf(texts);
        texts.clear();
        try (Scope scope = new Scope()) {
            Tensor logits = model.step(
                    now.stream().map(each -> each.text.session()).toList(),
                    now.stream().mapToInt(each -> each.token).toArray());
            Tensor host = logits.cpu();
            for (int i = 0; i < now.size(); i++) {
                Running each = now.get(i);
                try {
                    next(
                            each.text,
                            Logits.of(
                                    host.select(0, i),
                                    vocabulary,
                                    each.text.session().position()),
                            each);
                } catch (RuntimeException e) {
                    fail(each.text, e);
                }
            }
            steps++;
        } catch (RuntimeException | Error e) {
            // What one call does for all fails for all.
            texts.clear();
            now.forEach(each -> fail(each.text, e));
        }
    }

    private void next(Text text, float[] logits, Running running) {
        int token = text.course().next(logits);
        if (token == Course.ENDED) {
            text.session().close();
            text.owner().ended(text);
        } else {
            Running next = running == null ? new Running(text, token) : running;
            next.token = token;
            texts.add(next);
        }
    }

    private static void fail(Text text, Throwable cause) {
        quietly(text.session()::close);
        quietly(() -> text.owner().failed(cause));
    }

    private void slice() {
        Job job = jobs.poll();
        if (job == null) {
            return;
        }
        boolean more = false;
        if (!job.abandoned()) {
            try (Scope scope = new Scope()) {
                more = job.advance();
            } catch (RuntimeException | Error e) {
                quietly(() -> job.failed(e));
            }
        }
        if (more) {
            jobs.add(job);
        } else {
            quietly(job::close);
        }
    }

    /** Ends all work, telling those who wait for it, and waits for the slice under way. */
    @Override
    public void close() {
        closing = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
