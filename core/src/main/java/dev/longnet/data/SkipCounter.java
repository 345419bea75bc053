package dev.longnet.data;

import dev.longnet.data.Corpus.Skips;
import java.util.EnumMap;
import java.util.Map;

/** Counts what is left out by reason and keeps the first name of each. */
final class SkipCounter {
    private final Map<Skipped, Skips> skipped;

    SkipCounter() {
        skipped = new EnumMap<>(Skipped.class);
    }

    /** Goes on from what {@code other} has counted. */
    SkipCounter(SkipCounter other) {
        skipped = new EnumMap<>(other.skipped);
    }

    void add(Skipped reason, String name) {
        skipped.merge(reason, new Skips(1, name), (before, one) -> new Skips(before.count() + 1, before.example()));
    }

    Map<Skipped, Skips> counts() {
        return skipped;
    }
}
