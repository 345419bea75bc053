package dev.longnet.model;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.tensor.Activation;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.LayerNorm;
import dev.longnet.tensor.MasterWeights;
import dev.longnet.tensor.OffloadedTensor;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.RowNorm;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * Embedding, blocks and last norm of a {@link LongNet} in bfloat16: each is one function in libtorch's graph, with a
 * gradient of its own. B batch, N length, E embedding, V vocabulary.
 */
final class RowTrunk {
    /**
     * Bytes of a block's widest tensor; longer sequences are taken in parts. Half a GiB costs 1 % of a step's speed beside
     * a whole one, and is so little that the most memory is in attention, which grows with a rank's tokens alone.
     */
    private static final long WIDEST = 1L << 29;

    private final LongNetConfig config;
    private final MasterWeights table;
    private final Tensor embedding;
    private final RowNorm norm;
    private final List<RowBlock> blocks = new ArrayList<>();
    private final List<MasterWeights> weights = new ArrayList<>();

    RowTrunk(LongNetConfig config, MasterWeights table, Tensor embedding, List<Block> blocks, LayerNorm norm) {
        this.config = config;
        this.table = table;
        this.embedding = embedding;
        this.norm = new RowNorm(norm, Activation.NONE);
        long widest = 2L * Math.max(config.feedForward(), 3 * config.embedding());
        blocks.forEach(block -> this.blocks.add(new RowBlock(block, Math.max(1, WIDEST / widest))));
        weights.add(table);
        this.blocks.forEach(block -> weights.addAll(block.weights()));
    }

    /**
     * The features (B, N, E) of tokens (B, N) in bfloat16.
     *
     * @param calls one a block
     */
    Tensor features(Tensor tokens, List<DilatedAttention.Call> calls, double dropout, Execution execution) {
        try (Scope scope = new Scope()) {
            MasterWeights.round(weights);
            Tensor x = Ops.dropout(embed(tokens), dropout);
            OffloadedTensor before = null;
            for (int i = 0; i < blocks.size(); i++) {
                RowBlock block = blocks.get(i);
                DilatedAttention.Call call = calls.get(i);
                Tensor input = execution.marked(x), next;
                if (!Gradient.wanted(input)) {
                    next = block.forward(input, call, dropout, null);
                } else if (execution.activations() == Execution.Activations.KEPT) {
                    next = kept(block, input, call, dropout);
                } else if (execution.activations() == Execution.Activations.RECOMPUTED) {
                    next = recomputed(block, input, null, call, dropout);
                } else {
                    before = OffloadedTensor.of(input.detach(), before);
                    next = recomputed(block, input, before, call, dropout);
                }
                input.close();
                x.close(); // the graph keeps what the backward pass needs
                x = next;
            }
            return scope.keep(normalize(x));
        }
    }

    private Tensor embed(Tensor tokens) {
        try (Scope scope = new Scope()) {
            double factor = config.scaleEmbedding() ? Math.sqrt(config.embedding()) : 1;
            Tensor plain = tokens.detach(), x;
            try (var off = Gradient.off()) {
                x = Ops.times(Ops.embedding(table.rounded(), plain), factor);
            }
            if (!Gradient.wanted(embedding)) {
                return scope.keep(x);
            }
            Gradient.Backward backward =
                    dx -> new Tensor[] {Ops.times(Ops.embeddingBackward(dx, plain, config.vocabulary()), factor)};
            return scope.keep(Gradient.attach(x, new Tensor[] {plain}, backward, embedding));
        }
    }

    private Tensor normalize(Tensor x) {
        try (Scope scope = new Scope()) {
            Tensor plain = x.detach(), rows = plain.flatten(0, 1);
            RowNorm.Result result = norm.forward(rows);
            Tensor out = result.out().view(Tensors.shape(x)), statistics = result.statistics();
            if (!Gradient.wanted(x)) {
                return scope.keep(out);
            }
            Gradient.Backward backward = dout -> {
                Tensor dx = Tensors.emptyLike(plain);
                norm.backward(dx.flatten(0, 1), dout.contiguous().flatten(0, 1), rows, statistics, null, null);
                return new Tensor[] {dx};
            };
            return scope.keep(Gradient.attach(out, new Tensor[] {plain, rows, statistics}, backward, x));
        }
    }

    private static Tensor kept(RowBlock block, Tensor x, DilatedAttention.Call call, double dropout) {
        try (Scope scope = new Scope();
                KeptRows kept = new KeptRows()) {
            Tensor plain = x.detach();
            Tensor out = block.forward(plain, call, dropout, kept);
            List<Tensor> saved = new ArrayList<>(kept.tensors());
            saved.add(plain);
            Gradient.Backward backward =
                    dout -> new Tensor[] {block.backward(dout.contiguous(), plain, call, dropout, kept)};
            return scope.keep(Gradient.attach(out, saved(saved, call), backward, x));
        }
    }

    /** @param offloaded the input on its way to the host, or null where it stays */
    private static Tensor recomputed(
            RowBlock block, Tensor x, OffloadedTensor offloaded, DilatedAttention.Call call, double dropout) {
        try (Scope scope = new Scope()) {
            Tensor plain = x.detach();
            List<Tensor> saved = new ArrayList<>(offloaded == null ? List.of(plain) : offloaded.tensors());
            Tensor random = dropout > 0 ? Compute.randomState(x.device()) : null;
            if (random != null) {
                saved.add(random);
            }
            Tensor out = block.forward(plain, call, dropout, null);
            if (offloaded != null) {
                offloaded.departed();
            }
            Gradient.Backward backward = dout -> {
                try (var replayed = random == null ? null : Compute.replay(random, dout.device())) {
                    Tensor input = offloaded == null ? plain : offloaded.fetch();
                    return new Tensor[] {block.backward(dout.contiguous(), input, call, dropout, null)};
                }
            };
            return scope.keep(Gradient.attach(out, saved(saved, call), backward, x));
        }
    }

    private static Tensor[] saved(List<Tensor> tensors, DilatedAttention.Call call) {
        if (call.rotary() != null) {
            tensors.addAll(call.rotary().tensors());
        }
        return tensors.toArray(Tensor[]::new);
    }
}
