package dev.longnet.generate;

import static dev.longnet.Checks.requireArgument;

import java.util.SplittableRandom;

/**
 * How one text goes on: which token comes next, and when it ends. It reads nothing itself; whoever drives it gives it the
 * logits after what was read, and reads the token that it answers.
 *
 * <pre>{@code
 * float[] logits = read(prompt);
 * for (int token = course.next(logits); token != Course.ENDED; token = course.next(logits)) {
 *     logits = read(token);
 * }
 * }</pre>
 */
public final class Course {
    /** No token is to be read any more. */
    public static final int ENDED = -1;

    /** Why a text ended. */
    public enum End {
        /** The model ended the document, or the sink said no. */
        STOP,
        /** It has as many tokens as were wanted. */
        LENGTH
    }

    /** Hears the tokens of a text as they are made. */
    @FunctionalInterface
    public interface Sink {
        /**
         * @param token the new token
         * @param logits (V) that it was chosen from
         * @return whether to go on
         */
        boolean accept(int token, float[] logits);
    }

    private final int maxTokens;
    private final Sampling sampling;
    private final SplittableRandom random;
    private final int endOfDocument;
    private final Sink sink;
    private int made;
    private End end;

    /**
     * @param seed the same seed makes the same text
     * @param endOfDocument the token that ends a text; it is not given to {@code sink}
     */
    public Course(int maxTokens, Sampling sampling, long seed, int endOfDocument, Sink sink) {
        requireArgument(maxTokens >= 0, "max-tokens must not be negative, got %d", maxTokens);
        this.maxTokens = maxTokens;
        this.sampling = sampling;
        this.random = new SplittableRandom(seed);
        this.endOfDocument = endOfDocument;
        this.sink = sink;
        end = maxTokens == 0 ? End.LENGTH : null;
    }

    /**
     * Chooses the next token and tells the sink.
     *
     * @param logits (V), finite, of what follows all that was read
     * @return the token to read, or {@link #ENDED}
     */
    public int next(float[] logits) {
        if (end != null) {
            return ENDED;
        }
        int token = sampling.choose(logits, random);
        if (token == endOfDocument) {
            end = End.STOP;
            return ENDED;
        }
        made++;
        if (!sink.accept(token, logits)) {
            end = End.STOP;
        } else if (made == maxTokens) {
            end = End.LENGTH;
        }
        return end == null ? token : ENDED;
    }

    /** Tokens made so far. */
    public int made() {
        return made;
    }

    /** Why the text ended; null while it goes on. */
    public End end() {
        return end;
    }
}
