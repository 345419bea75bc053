package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

/**
 * Where the tokens of a call stand: from {@code start} on in a sequence of {@code length} tokens. Positions and segments
 * are counted from the sequence's beginning.
 *
 * @param start position of the first token
 * @param length tokens of the whole sequence
 */
public record Stretch(long start, long length) {
    public Stretch {
        requireArgument(
                start >= 0 && start < length, "token %d does not stand in a sequence of %d tokens", start, length);
    }

    /** A whole sequence. */
    public static Stretch whole(long length) {
        return new Stretch(0, length);
    }
}
