package dev.longnet;

/** Checks of what callers pass in, with messages that say the rule and the values. */
public final class Checks {
    private Checks() {}

    /** Throws an {@link InvalidArgumentException} with the formatted message unless {@code rule} holds. */
    public static void requireArgument(boolean rule, String message, Object... values) {
        if (!rule) {
            throw new InvalidArgumentException(message, values);
        }
    }
}
