package dev.longnet.model;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.KeyValueCache;
import dev.longnet.attention.Rotary;
import dev.longnet.attention.RotaryTable;
import dev.longnet.attention.Stretch;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.HostMemory;
import dev.longnet.tensor.LayerNorm;
import dev.longnet.tensor.Linear;
import dev.longnet.tensor.MasterWeights;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.ModuleListImpl;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The trunk that decoder and encoder share: embedding, blocks of dilated attention, a last norm.
 *
 * <p>Weights have torchscale's names ({@code embed_tokens.weight}, {@code layers.0.self_attn.q_proj.weight}, …,
 * {@code layer_norm.weight}). A model belongs to the scope it was made in. B batch, N length, E embedding, V vocabulary.
 */
public abstract class LongNet extends Module {
    private final LongNetConfig config;
    private final Tensor embedding;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm norm;
    private final MasterWeights table;
    private final RowTrunk rows;

    LongNet(String name, LongNetConfig config) {
        super(name);
        this.config = config;
        requireArgument(
                config.vocabulary() > 0, "vocabulary 0 stands for the tokenizer's; give the model the size itself");
        HostMemory.require(
                "a model of embedding " + config.embedding() + ", feed-forward width " + config.feedForward() + ", "
                        + config.layers() + " layers and " + config.vocabulary() + " tokens",
                (double) Float.BYTES * config.parameterCount(),
                "make it smaller");
        embedding = register_module("embed_tokens", new Table(config.vocabulary(), config.embedding())).weight;
        ModuleListImpl list = register_module("layers", new ModuleListImpl());
        for (int i = 0; i < config.layers(); i++) {
            Block block = new Block(config);
            blocks.add(block);
            list.push_back(block);
        }
        norm = register_module("layer_norm", new LayerNorm(config.embedding(), config.normEpsilon()));
        table = new MasterWeights(embedding);
        rows = new RowTrunk(config, table, embedding, blocks, norm);
        initialize();
    }

    /** The embedding's only parameter, (V, E). */
    private static final class Table extends Module {
        private final Tensor weight;

        Table(long vocabulary, long width) {
            super("Embedding");
            Tensor values = Tensors.randn(Tensors.options(ScalarType.Float, Tensors.cpu()), vocabulary, width);
            weight = Parameters.register(this, "weight", values.mul_(new Scalar(1 / Math.sqrt(width))));
        }
    }

    /**
     * The initial weights of MAGNETO (arXiv 2210.06423): Glorot's, where queries, keys and values are drawn 1/√2 as
     * wide, and Sub-LN scales values, output and feed-forward projections by √ln 2L.
     */
    private void initialize() {
        double gain = config.norm() == LongNetConfig.Norm.SUBLN ? Math.sqrt(Math.log(2.0 * config.layers())) : 1;
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            for (Block block : blocks) {
                DilatedAttention attention = block.attention();
                scale(attention.qProjection(), Math.sqrt(0.5));
                scale(attention.kProjection(), Math.sqrt(0.5));
                scale(attention.vProjection(), Math.sqrt(0.5) * gain);
                scale(attention.outProjection(), gain);
                scale(block.feedForward().up(), gain);
                scale(block.feedForward().down(), gain);
            }
        }
    }

    private static void scale(Linear linear, double factor) {
        linear.weight().mul_(new Scalar(factor));
    }

    public final LongNetConfig config() {
        return config;
    }

    /** The embedding table (V, E). */
    public final Tensor embedding() {
        return embedding;
    }

    public final Device device() {
        return embedding.device();
    }

    /**
     * The features of every token after the last norm, (B, N, E).
     *
     * @param tokens int64 (B, N)
     * @param lengths tokens of each example, or null when all are full
     * @param stretch where the tokens stand in their sequence; what stands outside of it only the kernel may know
     * @return float32, or bfloat16 where {@link Execution#numbers} says so
     */
    public final Tensor features(Tensor tokens, long[] lengths, Stretch stretch, Execution execution) {
        requireArgument(
                !config.pattern().grows()
                        || stretch.length() <= config.pattern().longestSegment(),
                "pattern %s grows from position %d on and a sequence at once does not; write out the branches for %d"
                        + " tokens, or read the text in pieces",
                config.pattern(),
                config.pattern().longestSegment(),
                stretch.length());
        try (Scope scope = new Scope()) {
            RotaryTable table = table(stretch, tokens.size(1));
            DilatedAttention.Call call = call(table, lengths, stretch.start(), execution);
            return scope.keep(features(tokens, Collections.nCopies(blocks.size(), call), execution));
        }
    }

    /** @param calls one a block */
    private Tensor features(Tensor tokens, List<DilatedAttention.Call> calls, Execution execution) {
        check(tokens, execution);
        double dropout = execution.dropout() ? config.dropout() : 0;
        try (Scope scope = new Scope()) {
            if (execution.numbers() == Execution.Numbers.BFLOAT16) {
                return scope.keep(rows.features(tokens, calls, dropout, execution));
            }
            Tensor x = Ops.dropout(embed(tokens), dropout);
            for (int i = 0; i < blocks.size(); i++) {
                Tensor input = execution.marked(x);
                Tensor next = execution.recompute() && Gradient.wanted(input)
                        ? recomputed(blocks.get(i), input, calls.get(i), dropout)
                        : blocks.get(i).forward(input, calls.get(i), dropout);
                input.close();
                x.close(); // the graph keeps what the backward pass needs
                x = next;
            }
            return scope.keep(norm.forward(x));
        }
    }

    /** The features of whole sequences, (B, N, E). */
    public final Tensor features(Tensor tokens, Execution execution) {
        return features(tokens, null, Stretch.whole(tokens.size(1)), execution);
    }

    /**
     * The features of the next tokens (1, n) of a text that is read in pieces.
     *
     * @param caches of every block what the text before has left there; they take the tokens in
     */
    final Tensor read(Tensor tokens, List<KeyValueCache> caches, Execution execution) {
        try (Scope scope = new Scope()) {
            Stretch stretch = new Stretch(caches.get(0).position(), Long.MAX_VALUE);
            DilatedAttention.Call any = call(table(stretch, tokens.size(1)), null, stretch.start(), execution);
            List<DilatedAttention.Call> calls = IntStream.range(0, blocks.size())
                    .mapToObj(i -> any.reading(caches.get(i)))
                    .toList();
            return scope.keep(features(tokens, calls, execution));
        }
    }

    /**
     * The features of the next token of each of several texts, (1, n, E) of tokens (1, n).
     *
     * @param caches of every block what each text has left there; they take the tokens in
     */
    final Tensor step(Tensor tokens, List<List<KeyValueCache>> caches, Execution execution) {
        try (Scope scope = new Scope()) {
            long[] positions =
                    caches.get(0).stream().mapToLong(KeyValueCache::position).toArray();
            Rotary rotary = rotary();
            RotaryTable table = rotary == null
                    ? null
                    : new RotaryTable(rotary, positions, block(Long.MAX_VALUE), Tensors.type(embedding), device());
            DilatedAttention.Call any = call(table, null, 0, execution);
            List<DilatedAttention.Call> calls = caches.stream()
                    .map(ofBlock -> any.withKernel(KeyValueCache.over(ofBlock, any.kernel())))
                    .toList();
            return scope.keep(features(tokens, calls, execution));
        }
    }

    /** Empty caches, one a block. */
    final List<KeyValueCache> newCaches() {
        List<KeyValueCache> caches = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            caches.add(new KeyValueCache(config.pattern(), config.heads()));
        }
        return caches;
    }

    /** The embedding table as products in bfloat16 use it. */
    final MasterWeights table() {
        return table;
    }

    private void check(Tensor tokens, Execution execution) {
        requireArgument(
                tokens.dim() == 2 && tokens.numel() > 0 && Tensors.type(tokens) == ScalarType.Long,
                "a model takes tokens (B, N) of type int64, got %s of type %s",
                Arrays.toString(Tensors.shape(tokens)),
                Tensors.type(tokens));
        if (execution.tokensChecked()) {
            return;
        }
        try (Scope scope = new Scope()) {
            long least = (long) Tensors.item(tokens.min()), most = (long) Tensors.item(tokens.max());
            requireArgument(
                    least >= 0 && most < config.vocabulary(),
                    "tokens from %d to %d are not all inside the vocabulary 0 … %d",
                    least,
                    most,
                    config.vocabulary() - 1);
        }
    }

    private Tensor embed(Tensor tokens) {
        Tensor x = Ops.embedding(embedding, tokens);
        return config.scaleEmbedding() ? Ops.times(x, Math.sqrt(config.embedding())) : x;
    }

    /**
     * Activation recomputation: the block's result without a graph now, and again with one in the backward pass, with
     * the same random numbers.
     */
    private Tensor recomputed(Block block, Tensor x, DilatedAttention.Call call, double dropout) {
        try (Scope scope = new Scope()) {
            List<Tensor> saved = new ArrayList<>();
            Tensor input = x.detach();
            saved.add(input);
            if (call.rotary() != null) {
                saved.addAll(call.rotary().tensors());
            }
            Tensor random = dropout > 0 ? Compute.randomState(device()) : null;
            if (random != null) {
                saved.add(random);
            }
            Tensor out;
            try (var off = Gradient.off()) {
                out = block.forward(input, call, dropout);
            }
            Gradient.Backward backward = gradOut -> {
                try (var on = Gradient.on();
                        var replayed = random == null ? null : Compute.replay(random, device())) {
                    Tensor leaf = input.detach().set_requires_grad(true);
                    Gradient.backward(block.forward(leaf, call, dropout), gradOut);
                    return new Tensor[] {leaf.grad()};
                }
            };
            return scope.keep(Gradient.attach(out, saved.toArray(Tensor[]::new), backward, x));
        }
    }

    private static DilatedAttention.Call call(RotaryTable table, long[] lengths, long start, Execution execution) {
        return new DilatedAttention.Call(execution.kernel(), execution.bfloat16(), lengths, table, start);
    }

    private RotaryTable table(Stretch stretch, long length) {
        Rotary rotary = rotary();
        long block = block(stretch.length());
        return rotary == null
                ? null
                : new RotaryTable(rotary, stretch, length, block, Tensors.type(embedding), device());
    }

    /** Tokens of the blocks that no pair crosses in a sequence of so many. */
    private long block(long length) {
        boolean grown = config.pattern().grows() && length > config.pattern().longestSegment();
        return grown ? Long.MAX_VALUE : config.pattern().enclosingBlock();
    }

    private Rotary rotary() {
        return switch (config.positions()) {
            case NONE -> null;
            case ROTARY -> new Rotary(config.headDim(), config.rotaryBase(), 0);
            case XPOS -> new Rotary(config.headDim(), config.rotaryBase(), config.xposScaleBase());
        };
    }
}
