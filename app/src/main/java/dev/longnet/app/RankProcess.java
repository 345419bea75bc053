package dev.longnet.app;

import dev.longnet.ranks.Mesh;
import dev.longnet.ranks.RankLimits;
import dev.longnet.ranks.RankPlace;
import dev.longnet.ranks.Ranks;
import dev.longnet.tensor.Compute;
import org.bytedeco.pytorch.Device;

/** A command as one rank of several; apart from {@link RankOptions}, whose methods help looks at without libtorch. */
final class RankProcess {
    private RankProcess() {}

    /**
     * Joins the other ranks and runs the body with them.
     *
     * @param device as the user named it
     * @param sequenceRanks ranks that share each sequence
     * @return the exit code
     */
    static int run(RankPlace place, String device, int sequenceRanks, RankOptions.Body body) {
        Device mine = Compute.deviceOfRank(device, place.localRank(), place.localSize());
        return Ranks.run(place, mine, RankLimits.of(System.getenv()), all -> {
            int part = place.rank() / sequenceRanks;
            return body.run(new Mesh(all.world(), all.split(part), mine, place.localRank(), place.localSize()));
        });
    }
}
