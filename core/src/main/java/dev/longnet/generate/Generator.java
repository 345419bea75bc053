package dev.longnet.generate;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Scope;
import java.util.function.IntPredicate;

/** Continues a text token by token. */
public final class Generator {
    private final LongNetDecoder model;
    private final Execution execution;
    private final int vocabulary;

    /** @param vocabulary tokens that may be chosen, those of the tokenizer */
    public Generator(LongNetDecoder model, Execution execution, int vocabulary) {
        this.model = model;
        this.execution = execution;
        this.vocabulary = vocabulary;
    }

    /**
     * What a generation did.
     *
     * @param promptTokens tokens read before the first new one
     * @param tokens tokens made
     * @param promptSeconds time to read the prompt
     * @param seconds time to make the tokens
     */
    public record Summary(int promptTokens, int tokens, double promptSeconds, double seconds) {}

    /**
     * Generates until the limit, the end of the document, or until {@code sink} says no.
     *
     * @param prompt at least one token
     * @param endOfDocument the token that ends a text; it is not given to {@code sink}
     * @param sink hears each token as it is made and returns whether to go on
     * @throws LongNetException if the model's output is not finite
     */
    public Summary generate(
            int[] prompt, int maxTokens, Sampling sampling, long seed, int endOfDocument, IntPredicate sink) {
        try (LongNetDecoder.Session session = model.newSession(execution)) {
            return generate(session, prompt, maxTokens, sampling, seed, endOfDocument, sink);
        }
    }

    /** The same going on from what a session has read, which then has read the prompt and the new tokens, too. */
    public Summary generate(
            LongNetDecoder.Session session,
            int[] prompt,
            int maxTokens,
            Sampling sampling,
            long seed,
            int endOfDocument,
            IntPredicate sink) {
        requireArgument(prompt.length > 0, "a prompt needs at least one token");
        Course course = new Course(maxTokens, sampling, seed, endOfDocument, (token, logits) -> sink.test(token));
        long begin = System.nanoTime();
        float[] logits = read(session, prompt);
        long prompted = System.nanoTime();
        for (int token = course.next(logits); token != Course.ENDED; token = course.next(logits)) {
            logits = read(session, token);
        }
        return new Summary(
                prompt.length, course.made(), (prompted - begin) / 1e9, (System.nanoTime() - prompted) / 1e9);
    }

    private float[] read(LongNetDecoder.Session session, int... tokens) {
        try (Scope scope = new Scope()) {
            return Logits.of(session.read(tokens), vocabulary, session.position());
        }
    }
}
