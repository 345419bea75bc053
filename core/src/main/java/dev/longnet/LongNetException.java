package dev.longnet;

import java.util.Locale;

/**
 * Something outside the program stands in the way: a file that cannot be read, a damaged checkpoint, a loss that is no
 * longer finite. The message is one sentence for the user that names the thing, the rule and the way out. A wrong
 * argument is an {@link InvalidArgumentException} instead.
 */
public final class LongNetException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public LongNetException(String message, Object... values) {
        super(values.length == 0 ? message : String.format(Locale.ROOT, message, values));
    }

    public LongNetException(Throwable cause, String message, Object... values) {
        super(values.length == 0 ? message : String.format(Locale.ROOT, message, values), cause);
    }
}
