package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.LayerNorm;
import dev.longnet.tensor.Linear;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Dilated attention with its projections, in the place of multi-head attention in any libtorch model.
 *
 * <pre>{@code
 * DilatedAttention attention = register_module("attention",
 *     new DilatedAttention(DilatedAttention.Config.of(768, 12, DilationPattern.PAPER, true)));
 * Tensor y = attention.forward(x, x, x);   // (B, N, E) → (B, N, E), gradients as of any module
 * }</pre>
 *
 * <p>Weights have torchscale's names: {@code q_proj, k_proj, v_proj, out_proj} and, with the inner norm of MAGNETO,
 * {@code inner_attn_ln}. B batch, N length, E embedding, H heads, Hk key/value heads, D = E/H.
 */
public final class DilatedAttention extends Module {
    /**
     * Sizes and pattern.
     *
     * @param embedding features E of input and output
     * @param heads query heads H, dividing E
     * @param keyValueHeads key/value heads Hk, dividing H
     * @param causal whether a token sees only itself and what stands before it
     * @param innerNorm whether the heads' outputs are normalised before the last projection (Sub-LN)
     * @param normEpsilon added to variances
     */
    public record Config(
            int embedding,
            int heads,
            int keyValueHeads,
            DilationPattern pattern,
            boolean causal,
            boolean innerNorm,
            double normEpsilon) {
        public Config {
            requireArgument(pattern != null, "attention needs a pattern, such as 2048:1,4096:2");
            requireArgument(
                    embedding > 0 && heads > 0 && embedding % heads == 0,
                    "embedding %d is not a positive multiple of heads %d",
                    embedding,
                    heads);
            requireArgument(
                    keyValueHeads > 0 && heads % keyValueHeads == 0,
                    "heads %d are not a positive multiple of key/value heads %d",
                    heads,
                    keyValueHeads);
        }

        /** Plain attention: every head has keys and values of its own, no inner norm. */
        public static Config of(int embedding, int heads, DilationPattern pattern, boolean causal) {
            return new Config(embedding, heads, heads, pattern, causal, false, 1e-5);
        }

        public int headDim() {
            return embedding / heads;
        }
    }

    /**
     * How one call is computed.
     *
     * @param kernel which kernel attends
     * @param bfloat16 whether the projections' products are taken in bfloat16
     * @param lengths tokens of each example, or null when all are full
     * @param rotary rotations of the call's positions, or null for none
     * @param start position of the first token, from which segments are counted on
     */
    public record Call(AttentionKernel kernel, boolean bfloat16, long[] lengths, RotaryTable rotary, long start) {
        /** The fastest kernel, full precision, no positions. */
        public static final Call PLAIN = new Call(AttentionKernel.of("auto"), false, null, null, 0);

        /**
         * The same for the next piece of a text that is read in pieces: the tokens of a call attend to those before, too.
         *
         * @param cache of this layer, in which the piece stays
         */
        public Call reading(KeyValueCache cache) {
            return withKernel(cache.over(kernel));
        }

        /** The same with another kernel. */
        public Call withKernel(AttentionKernel kernel) {
            return new Call(kernel, bfloat16, lengths, rotary, start);
        }
    }

    private final Config config;
    private final Linear qProjection;
    private final Linear kProjection;
    private final Linear vProjection;
    private final Linear outProjection;
    private final LayerNorm innerNorm;

    public DilatedAttention(Config config) {
        super("DilatedAttention");
        this.config = config;
        int width = config.embedding(), kvWidth = config.keyValueHeads() * config.headDim();
        kProjection = register_module("k_proj", new Linear(width, kvWidth, true));
        vProjection = register_module("v_proj", new Linear(width, kvWidth, true));
        qProjection = register_module("q_proj", new Linear(width, width, true));
        outProjection = register_module("out_proj", new Linear(width, width, true));
        innerNorm = config.innerNorm()
                ? register_module("inner_attn_ln", new LayerNorm(width, config.normEpsilon()))
                : null;
    }

    /** (B, N, E) each → (B, N, E); query, key and value have one length. */
    public Tensor forward(Tensor query, Tensor key, Tensor value) {
        return forward(query, key, value, Call.PLAIN);
    }

    /** As {@link #forward(Tensor, Tensor, Tensor)} with positions, lengths, kernel and precision. */
    public Tensor forward(Tensor query, Tensor key, Tensor value, Call call) {
        try (Scope scope = new Scope()) {
            boolean one = query == key && key == value;
            Tensor heads = one ? attend(project(query, call), call) : cross(query, key, value, call);
            return scope.keep(output(heads, call));
        }
    }

    public Config config() {
        return config;
    }

    public Linear qProjection() {
        return qProjection;
    }

    public Linear kProjection() {
        return kProjection;
    }

    public Linear vProjection() {
        return vProjection;
    }

    public Linear outProjection() {
        return outProjection;
    }

    /** The norm of the heads' outputs, or null. */
    public LayerNorm innerNorm() {
        return innerNorm;
    }

    /** Attention of one call over queries, keys and values in one tensor (B, N, H + 2 Hk, D). */
    public PackedAttention packed(Call call) {
        return new PackedAttention(config.heads(), spec(call), call.rotary(), call.kernel());
    }

    /** Queries, keys and values of one input, (B, N, H + 2 Hk, D), in one matrix product. */
    private Tensor project(Tensor x, Call call) {
        check(x, call);
        Tensor weight = Tensors.cat(0, qProjection.weight(), kProjection.weight(), vProjection.weight());
        Tensor bias = Tensors.cat(0, qProjection.bias(), kProjection.bias(), vProjection.bias());
        return Linear.apply(x, weight, bias, call.bfloat16())
                .unflatten(2, config.heads() + 2L * config.keyValueHeads(), config.headDim());
    }

    private void check(Tensor input, Call call) {
        int width = config.embedding();
        requireArgument(
                input.dim() == 3 && input.size(2) == width,
                "attention of embedding %d takes (B, N, %d), got %s",
                width,
                width,
                Arrays.toString(Tensors.shape(input)));
        ScalarType type = Tensors.type(input), ours = Tensors.type(qProjection.weight());
        requireArgument(
                call.bfloat16() || type == ours,
                "this attention has weights of %s but was given a tensor of %s; convert one of them with to()",
                ours,
                type);
    }

    private AttentionSpec spec(Call call) {
        AttentionSpec spec = AttentionSpec.of(config.pattern(), config.causal(), config.headDim())
                .withStart(call.start());
        if (call.lengths() != null) {
            spec = spec.withLengths(call.lengths());
        }
        return call.rotary() == null ? spec : spec.withDamping(call.rotary().damping());
    }

    private Tensor attend(Tensor packed, Call call) {
        return packed(call).attend(narrow(packed, call)).to(Tensors.type(packed));
    }

    /** What kernels are given: those of a GPU take half types; a CPU's are no faster in them. */
    private static Tensor narrow(Tensor tensor, Call call) {
        return call.bfloat16() && tensor.is_cuda() ? tensor.to(ScalarType.BFloat16) : tensor;
    }

    /** Attention of queries to keys of another sequence than theirs. */
    private Tensor cross(Tensor query, Tensor key, Tensor value, Call call) {
        for (Tensor input : new Tensor[] {query, key, value}) {
            check(input, call);
        }
        int dim = config.headDim();
        Tensor q = qProjection.forward(query, call.bfloat16()).unflatten(2, config.heads(), dim);
        Tensor k = kProjection.forward(key, call.bfloat16()).unflatten(2, config.keyValueHeads(), dim);
        Tensor v = vProjection.forward(value, call.bfloat16()).unflatten(2, config.keyValueHeads(), dim);
        RotaryTable rotary = call.rotary();
        if (rotary != null) {
            q = rotary.turnQueries(q);
            k = rotary.turnKeys(k);
        }
        ScalarType type = Tensors.type(q);
        return Attention.attend(narrow(q, call), narrow(k, call), narrow(v, call), spec(call), call.kernel())
                .to(type);
    }

    private Tensor output(Tensor heads, Call call) {
        Tensor joined = heads.flatten(2, 3);
        return outProjection.forward(innerNorm == null ? joined : innerNorm.forward(joined), call.bfloat16());
    }
}
