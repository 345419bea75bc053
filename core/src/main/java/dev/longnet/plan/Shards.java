package dev.longnet.plan;

import static dev.longnet.Checks.requireArgument;

/**
 * A sequence of N tokens divided among P ranks: rank p holds tokens [⌊pN/P⌋, ⌊(p+1)N/P⌋), and neighbouring ranks share a
 * machine.
 *
 * @param length N in tokens, up to 2^40
 * @param ranks P, up to 2^20 and N
 * @param gpus ranks of one machine
 */
record Shards(long length, int ranks, int gpus) {
    static final long LONGEST = 1L << 40;
    static final int MOST = 1 << 20;

    Shards {
        requireArgument(
                length > 0 && length <= LONGEST,
                "a plan's length must lie between 1 and %d (1024g), got %d",
                LONGEST,
                length);
        requireArgument(ranks > 0 && ranks <= MOST, "devices must lie between 1 and %d, got %d", MOST, ranks);
        requireArgument(
                ranks <= length,
                "%d devices cannot share %d tokens; use at most as many devices as tokens",
                ranks,
                length);
    }

    /** First token of a rank; {@code start(ranks)} is N. */
    long start(int rank) {
        return rank * length / ranks;
    }

    /** The rank that holds a token. */
    int rankOf(long token) {
        return (int) (((token + 1) * ranks - 1) / length);
    }

    /** First token of the rank's machine. */
    long nodeStart(int rank) {
        return start(rank / gpus * gpus);
    }

    /** One past the last token of the rank's machine. */
    long nodeEnd(int rank) {
        return start((int) Math.min(ranks, (rank / gpus + 1L) * gpus));
    }

    /** Most tokens of a rank. */
    long tokens() {
        return (length + ranks - 1) / ranks;
    }
}
