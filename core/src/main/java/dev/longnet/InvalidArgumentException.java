package dev.longnet;

import java.util.Locale;

/**
 * What a caller passed in breaks a rule. The message is one sentence for the user with the rule, the values and the way
 * out. Other {@link IllegalArgumentException}s, such as those of the JDK, are mistakes of the program itself.
 */
public final class InvalidArgumentException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    public InvalidArgumentException(String message, Object... values) {
        super(values.length == 0 ? message : String.format(Locale.ROOT, message, values));
    }

    public InvalidArgumentException(Throwable cause, String message, Object... values) {
        super(values.length == 0 ? message : String.format(Locale.ROOT, message, values), cause);
    }
}
