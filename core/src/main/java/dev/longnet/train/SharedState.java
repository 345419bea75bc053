package dev.longnet.train;

import dev.longnet.LongNetException;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What the ranks of a run hold together: weights, which are the same on all, parts of the optimizer's state, and each
 * its own random numbers. The first rank saves and loads it as one device does, so that a run may go on with another
 * number of ranks; the random numbers of each rank go on with the same number and begin anew with another.
 *
 * @param world all ranks, which call the same methods
 * @param seed of the random numbers, from which each rank draws others
 */
record SharedState(RankGroup world, LongNetDecoder model, AdamW optimizer, long seed) {
    private static final String RANDOM = "random_state";

    private static String random(int rank) {
        return rank == 0 ? RANDOM : RANDOM + "." + rank;
    }

    /** All but the weights by name, on the host; on other ranks than the first nothing. */
    Map<String, Tensor> tensors() {
        try (Scope scope = new Scope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>(optimizer.state());
            Tensor mine = Compute.randomState(model.device());
            Tensor all = Tensors.empty(Tensors.options(ScalarType.Byte, model.device()), world.size(), mine.numel());
            world.allGather(all, mine.to(model.device(), ScalarType.Byte)).await();
            for (int rank = 0; rank < (world.rank() == 0 ? world.size() : 0); rank++) {
                tensors.put(random(rank), all.select(0, rank).cpu());
            }
            tensors.values().forEach(scope::keep);
            return tensors;
        }
    }

    /** Requires that saved tensors are those of such a model. */
    void requireFit(Map<String, Tensor> tensors, String source) {
        optimizer.requireFit(tensors, source);
        if (!tensors.containsKey(RANDOM)) {
            throw new LongNetException("%s is damaged: it has no %s", source, RANDOM);
        }
    }

    /**
     * Gives every rank what the first has, and each random numbers of its own.
     *
     * @param saved what the first rank has loaded, null there for a new run and on all other ranks
     * @return where the run stands
     */
    Checkpoint.State spread(Checkpoint.State begin, Checkpoint.Saved saved) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            if (world.size() > 1) {
                Parameters.of(model)
                        .values()
                        .forEach(parameter -> world.broadcast(parameter, 0).await());
            }
            Checkpoint.State state =
                    Checkpoint.State.of(world.allGather((saved == null ? begin : saved.state()).numbers())[0]);
            boolean resumed = world.allGather(saved == null ? 0 : 1)[0][0] == 1;
            if (resumed) {
                optimizer.restore(saved == null ? null : saved.tensors());
            }
            if (!resumed || !restoreRandom(saved)) {
                if (world.rank() > 0) {
                    Compute.seed(seed + world.rank());
                }
            }
            return state;
        }
    }

    /** Whether the random numbers go on: another kind of device has another generator. */
    private boolean restoreRandom(Checkpoint.Saved saved) {
        long bytes = Compute.randomState(model.device()).numel();
        Tensor all = Tensors.zeros(Tensors.options(ScalarType.Byte, model.device()), world.size(), bytes);
        boolean fits = saved != null;
        for (int rank = 0; rank < world.size() && fits; rank++) {
            Tensor one = saved.tensors().get(random(rank));
            fits = one != null && one.numel() == bytes;
            if (fits) {
                all.select(0, rank).copy_(one);
            }
        }
        fits &= saved == null || !saved.tensors().containsKey(random(world.size())); // more ranks than now
        if (world.allGather(fits ? 1 : 0)[0][0] == 0) {
            return false;
        }
        world.broadcast(all, 0).await();
        Compute.randomState(all.select(0, world.rank()).cpu().contiguous(), model.device());
        return true;
    }
}
