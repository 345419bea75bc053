package dev.longnet.config;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.DilationPattern;
import java.util.List;

/** A small configuration with a component of every type that keys may have. */
record Sample(
        @Doc("what it is called") String name,
        @Doc("the inner group") Inner inner,
        @Doc("where it reads") List<String> sources) {

    enum Colour {
        RED,
        DARK_BLUE
    }

    record Inner(
            @Doc(value = "how many", unit = "steps") int steps,
            @Doc(value = "how large", unit = "bytes") long limit,
            @Doc("how fast") double rate,
            @Doc("whether") boolean causal,
            @Doc("which colour") Colour colour,
            @Doc("what it sees") DilationPattern pattern) {
        Inner {
            requireArgument(steps != 13, "steps %d brings bad luck; use 12", steps);
            requireArgument(rate < limit, "the rate %s must stay below limit %d", rate, limit);
        }

        public static Inner defaults() {
            return new Inner(7, 1L << 40, 1e-3, true, Colour.RED, DilationPattern.parse("3:1"));
        }
    }

    public static Sample defaults() {
        return new Sample("plain", Inner.defaults(), List.of());
    }
}
