package dev.longnet.ranks;

import static dev.longnet.Checks.requireArgument;

import org.bytedeco.pytorch.Device;

/**
 * Ranks as data × sequence: each sequence is cut over {@code sequence.size()} neighbouring ranks, and such groups take
 * different sequences.
 *
 * @param world all ranks
 * @param sequence those that share this rank's sequences
 * @param device where this rank computes, or null for what the configuration says
 * @param localRank number of this rank on its machine
 * @param localRanks ranks on this machine, which share its cores
 */
public record Mesh(RankGroup world, RankGroup sequence, Device device, int localRank, int localRanks) {
    /** One rank, which shares nothing. */
    public static final Mesh ALONE = new Mesh(RankGroup.ALONE, RankGroup.ALONE, null, 0, 1);

    public Mesh {
        requireFit(world.size(), sequence.size());
    }

    /** Requires that so many ranks make whole sequence groups. */
    public static void requireFit(int ranks, int sequenceRanks) {
        requireArgument(ranks > 0, "ranks must be positive, got %d", ranks);
        requireArgument(
                sequenceRanks > 0 && ranks % sequenceRanks == 0,
                "ranks %d = data × sequence %d does not hold for a whole number; use sequence ranks that divide the ranks",
                ranks,
                sequenceRanks);
    }

    /** Groups that take different sequences. */
    public int dataRanks() {
        return world.size() / sequence.size();
    }

    /** Which of them this rank is in. */
    public int dataRank() {
        return world.rank() / sequence.size();
    }

    /**
     * Threads of the CPU for this rank.
     *
     * @param wanted 0 for this rank's part of the machine's cores
     * @return 0 for all of them
     */
    public int threads(int wanted) {
        boolean shared = wanted == 0 && localRanks > 1;
        return shared ? Math.max(1, Runtime.getRuntime().availableProcessors() / localRanks) : wanted;
    }

    /** Bytes of tensors that this rank has sent to others, whichever group they share. */
    public long bytesSent() {
        return world.bytesSent() + (sequence == world ? 0 : sequence.bytesSent());
    }

    /** Whether this rank reads and writes for all. */
    public boolean first() {
        return world.rank() == 0;
    }
}
