package dev.longnet.ranks;

import static dev.longnet.Checks.requireArgument;

/**
 * Where a process stands among those that compute one thing together.
 *
 * @param rank its number, 0 ≤ rank &lt; size
 * @param size number of ranks
 * @param localRank its number among the ranks of its machine, which picks its GPU
 * @param localSize number of ranks of its machine
 * @param host name of its machine, for messages
 * @param masterAddress name or address of rank 0's machine, in the network that the ranks are to exchange over
 * @param masterPort TCP port that rank 0 listens on while the ranks meet
 * @param attempt word that is the same on all ranks and another one each time a job is started again, so that a process
 *     left from an earlier time cannot meet those of this one; may be empty
 */
public record RankPlace(
        int rank,
        int size,
        int localRank,
        int localSize,
        String host,
        String masterAddress,
        int masterPort,
        String attempt) {
    private static final int PORTS = 65_535, NAME = 255;

    /** The place of a process that is alone. */
    public static final RankPlace ALONE = new RankPlace(0, 1, 0, 1, "localhost", "localhost", 1, "");

    public RankPlace {
        requireArgument(size >= 1, "there must be at least 1 rank, got %d; set WORLD_SIZE to their number", size);
        requireArgument(
                rank >= 0 && rank < size,
                "of %d ranks one is numbered 0 to %d, got %d; correct RANK",
                size,
                size - 1,
                rank);
        requireArgument(
                localSize >= 1 && localSize <= size,
                "of %d ranks between 1 and %d are on one machine, got %d; correct LOCAL_WORLD_SIZE",
                size,
                size,
                localSize);
        requireArgument(
                localRank >= 0 && localRank < localSize,
                "of %d ranks on a machine one is numbered 0 to %d, got %d; correct LOCAL_RANK",
                localSize,
                localSize - 1,
                localRank);
        requireArgument(
                localRank <= rank,
                "rank %d cannot be number %d on its machine; correct RANK or LOCAL_RANK",
                rank,
                localRank);
        requireArgument(isName(host), "a machine's name must be 1 to %d letters, got \"%s\"", NAME, host);
        requireArgument(
                isName(masterAddress),
                "the address of rank 0 must be 1 to %d letters, got \"%s\"; set MASTER_ADDR to the name of its machine",
                NAME,
                masterAddress);
        requireArgument(
                masterPort >= 1 && masterPort <= PORTS,
                "a port is a number from 1 to %d, got %d; set MASTER_PORT to one that is free on rank 0's machine",
                PORTS,
                masterPort);
        requireArgument(
                attempt.length() <= NAME,
                "the word of an attempt has at most %d letters, got %d",
                NAME,
                attempt.length());
    }

    private static boolean isName(String text) {
        return !text.isBlank() && text.length() <= NAME && text.chars().noneMatch(c -> c <= ' ');
    }
}
