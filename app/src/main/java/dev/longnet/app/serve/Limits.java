package dev.longnet.app.serve;

import static dev.longnet.Checks.requireArgument;

import java.time.Duration;

/**
 * What one server takes on.
 *
 * @param atOnce requests that are worked on at the same time
 * @param waiting requests that may wait
 * @param promptTokens of one prompt
 * @param newTokens of one text
 * @param bodyBytes of one request's JSON
 * @param uploadBytes of one request's files
 * @param time that a completion may take
 */
public record Limits(
        int atOnce, int waiting, int promptTokens, int newTokens, int bodyBytes, long uploadBytes, Duration time) {
    public Limits {
        requireArgument(atOnce > 0, "a server works on at least one request at once, got %d", atOnce);
        requireArgument(waiting > 0, "at least one request must be able to wait, got %d", waiting);
        requireArgument(promptTokens > 0, "prompts of at least one token must be allowed, got %d", promptTokens);
        requireArgument(newTokens > 0, "texts of at least one token must be allowed, got %d", newTokens);
        requireArgument(
                bodyBytes > 0 && bodyBytes <= 1 << 30, "a request's body has 1 to 2^30 bytes, got %d", bodyBytes);
        requireArgument(uploadBytes > 0, "files of at least one byte must be allowed, got %d", uploadBytes);
        requireArgument(time.toMillis() > 0, "a completion must be allowed some time, got %s", time);
    }

    /** The defaults of the command line. */
    public static Limits defaults() {
        return new Limits(64, 256, 1 << 20, 1 << 16, 16 << 20, 4L << 30, Duration.ofMinutes(10));
    }
}
