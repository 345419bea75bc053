package dev.longnet.model;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.tensor.LayerNorm;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Scope;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;

/** One block: x + attention(norm(x)), then x + feedForward(norm(x)). x is (B, N, E). */
final class Block extends Module {
    private final DilatedAttention attention;
    private final LayerNorm attentionNorm;
    private final FeedForward feedForward;
    private final LayerNorm feedForwardNorm;

    Block(LongNetConfig config) {
        super("Block");
        attention = register_module(
                "self_attn",
                new DilatedAttention(new DilatedAttention.Config(
                        config.embedding(),
                        config.heads(),
                        config.keyValueHeads(),
                        config.pattern(),
                        config.causal(),
                        config.norm() == LongNetConfig.Norm.SUBLN,
                        config.normEpsilon())));
        attentionNorm =
                register_module("self_attn_layer_norm", new LayerNorm(config.embedding(), config.normEpsilon()));
        feedForward = register_module("ffn", new FeedForward(config));
        feedForwardNorm = register_module("final_layer_norm", new LayerNorm(config.embedding(), config.normEpsilon()));
    }

    Tensor forward(Tensor x, DilatedAttention.Call call, double dropout) {
        try (Scope scope = new Scope()) {
            Tensor normed = attentionNorm.forward(x);
            Tensor attended = attention.forward(normed, normed, normed, call);
            return scope.keep(feed(x.add(Ops.dropout(attended, dropout)), call, dropout));
        }
    }

    private Tensor feed(Tensor x, DilatedAttention.Call call, double dropout) {
        try (Scope scope = new Scope()) {
            Tensor fed = feedForward.forward(feedForwardNorm.forward(x), call.bfloat16());
            return scope.keep(x.add(Ops.dropout(fed, dropout)));
        }
    }

    LayerNorm attentionNorm() {
        return attentionNorm;
    }

    LayerNorm feedForwardNorm() {
        return feedForwardNorm;
    }

    DilatedAttention attention() {
        return attention;
    }

    FeedForward feedForward() {
        return feedForward;
    }
}
