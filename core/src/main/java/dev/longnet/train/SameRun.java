package dev.longnet.train;

import dev.longnet.LongNetException;
import dev.longnet.config.Key;
import dev.longnet.data.TokenFile;
import dev.longnet.ranks.RankGroup;
import java.util.Set;

/** Makes sure that all ranks train the same model in the same way on the same text. */
final class SameRun {
    /** What may differ from machine to machine; the text itself is compared by its checksum. */
    private static final Set<String> LOCAL = Set.of("train.device", "train.threads", "data.sources");

    private SameRun() {}

    /** @param heldOut may be null */
    static void require(RankGroup world, RunConfig config, TokenFile train, TokenFile heldOut) {
        if (world.size() == 1) {
            return;
        }
        long[][] all = world.allGather(
                configuration(config),
                train.tokens(),
                train.checksum(),
                heldOut == null ? 0 : heldOut.tokens(),
                heldOut == null ? 0 : heldOut.checksum());
        for (int rank = 1; rank < all.length; rank++) {
            if (all[rank][0] != all[0][0]) {
                throw new LongNetException(
                        "rank %d was given another configuration than rank 0; start all ranks with the same command and"
                                + " the same version",
                        rank);
            }
            for (int i = 1; i < all[rank].length; i++) {
                if (all[rank][i] != all[0][i]) {
                    throw new LongNetException(
                            "rank %d reads another %s text than rank 0 (%d tokens, there %d); give every machine the"
                                    + " same files",
                            rank, i < 3 ? "training" : "held-out", all[rank][i < 3 ? 1 : 3], all[0][i < 3 ? 1 : 3]);
                }
            }
        }
    }

    private static long configuration(RunConfig config) {
        long hash = 0;
        for (Key key : Key.of(config)) {
            if (!LOCAL.contains(key.path())) {
                hash = 31 * hash + key.path().hashCode();
                hash = 31 * hash + key.value().hashCode();
            }
        }
        return hash;
    }
}
