package dev.longnet.app;

import java.util.Locale;

/**
 * One thing that {@code longnet doctor} looked at.
 *
 * @param what its name
 * @param value what was found
 * @param state whether that will do
 * @param advice how to get it or make it better; empty when there is nothing to do
 */
record Finding(String what, String value, State state, String advice) {
    enum State {
        OK,
        WARN,
        MISSING;

        /** The name as people and JSON see it. */
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    static Finding ok(String what, String value) {
        return new Finding(what, value, State.OK, "");
    }

    static Finding warn(String what, String value, String advice) {
        return new Finding(what, value, State.WARN, advice);
    }

    static Finding missing(String what, String value, String advice) {
        return new Finding(what, value, State.MISSING, advice);
    }
}
