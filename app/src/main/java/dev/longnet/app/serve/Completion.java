package dev.longnet.app.serve;

import dev.longnet.generate.Course;
import dev.longnet.generate.Logits;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Scope;
import dev.longnet.train.TrainedModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;

/** Reads the prompts of a request piece by piece and hands the texts that follow them to the engine. */
final class Completion implements Job {
    /** Pieces of text that may wait for a client to take them. */
    private static final int MOST_EVENTS = 100_000;

    /** Tokens of a prompt that are read at once where their probabilities are asked for, which takes Java's time. */
    private static final int PIECE_FORETOLD = 128;

    private final TrainedModel trained;
    private final CompletionRequest request;
    private final States.Loaded base;
    private final int piece;
    private final Engine engine;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final List<Choice> choices = new ArrayList<>();
    private volatile boolean cancelled;
    private LongNetDecoder.Session session;
    private int prompt;
    private int read;
    private float[] logits;

    /**
     * @param base what was read before the prompts, or null; released at the end
     * @param piece tokens of a prompt that are read at once
     */
    Completion(TrainedModel trained, CompletionRequest request, States.Loaded base, int piece, Engine engine) {
        this.trained = trained;
        this.request = request;
        this.base = base;
        this.piece = request.echo() && request.logprobs() != null ? PIECE_FORETOLD : piece;
        this.engine = engine;
        for (int i = 0; i < request.prompts().size() * request.copies(); i++) {
            choices.add(new Choice(i, request, trained.tokenizer(), events::add, this::abandoned));
        }
    }

    /** The next thing to tell the client, or null if there is none within a time. */
    Event next(long millis) throws InterruptedException {
        return events.poll(millis, TimeUnit.MILLISECONDS);
    }

    /** Nobody waits any more. */
    void cancel() {
        cancelled = true;
    }

    @Override
    public int weight() {
        return (request.prompts().size() - prompt) * request.copies();
    }

    @Override
    public boolean abandoned() {
        return cancelled || events.size() > MOST_EVENTS; // a client that does not read
    }

    @Override
    public boolean advance() {
        if (session == null) {
            session = States.session(trained, base);
        }
        int[] tokens = request.prompts().get(prompt);
        int[] next = Arrays.copyOfRange(tokens, read, Math.min(tokens.length, read + piece));
        boolean last = read + next.length == tokens.length;
        List<Choice> ours = choices.subList(prompt * request.copies(), (prompt + 1) * request.copies());
        if (request.echo() && request.logprobs() != null) {
            foretell(next, ours);
        } else {
            if (request.echo()) {
                ours.forEach(choice -> Arrays.stream(next).forEach(token -> choice.echo(token, null)));
            }
            if (last) {
                logits = logits(session.read(next));
            } else {
                session.features(next);
            }
        }
        read += next.length;
        if (last) {
            begin(ours);
            prompt++;
            read = 0;
            logits = null;
        }
        return prompt < request.prompts().size();
    }

    /** Reads tokens of the prompt and tells how well each was foretold. */
    private void foretell(int[] next, List<Choice> ours) {
        Tensor rows = trained.model()
                .logits(session.features(next), trained.execution())
                .select(0, 0)
                .cpu();
        for (int i = 0; i < next.length; i++) {
            try (Scope scope = new Scope()) {
                for (Choice choice : ours) {
                    choice.echo(next[i], logits);
                }
                logits = logits(rows.select(0, i));
            }
        }
    }

    private float[] logits(Tensor row) {
        return Logits.of(row, trained.tokenizer().vocabulary(), session.position());
    }

    private void begin(List<Choice> ours) {
        for (int i = 0; i < ours.size(); i++) {
            LongNetDecoder.Session own = session;
            if (i < ours.size() - 1) {
                own = session.copy();
            } else {
                session = null;
            }
            Course course = new Course(
                    request.maxTokens(),
                    request.sampling(),
                    request.seed() + i,
                    trained.tokenizer().endOfDocument(),
                    ours.get(i));
            engine.begin(new Text(own, course, logits, ours.get(i)));
        }
    }

    @Override
    public void failed(Throwable cause) {
        events.add(new Event.Failed(cause));
    }

    @Override
    public void close() {
        if (session != null) {
            session.close();
            session = null;
        }
        if (base != null) {
            base.release();
        }
    }
}
