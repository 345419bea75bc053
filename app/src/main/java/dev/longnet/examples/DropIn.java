package dev.longnet.examples;

import static org.bytedeco.pytorch.global.torch.cross_entropy;
import static org.bytedeco.pytorch.global.torch.gelu;
import static org.bytedeco.pytorch.global.torch.manual_seed;
import static org.bytedeco.pytorch.global.torch.randint;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.EmbeddingImpl;
import org.bytedeco.pytorch.LayerNormImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** A small transformer written by hand on libtorch, with dilated attention where multi-head attention would stand. */
public final class DropIn {
    static final class Transformer extends Module {
        final EmbeddingImpl embedding = register_module("embedding", new EmbeddingImpl(256, 64));
        final LayerNormImpl norm1 = register_module("norm1", new LayerNormImpl(new LongVector(new long[] {64})));
        final DilatedAttention attention = register_module(
                "attention",
                new DilatedAttention(
                        DilatedAttention.Config.of(64, 4, DilationPattern.parse("256:1,1024:4,4096:16"), true)));
        final LayerNormImpl norm2 = register_module("norm2", new LayerNormImpl(new LongVector(new long[] {64})));
        final LinearImpl up = register_module("up", new LinearImpl(64, 256));
        final LinearImpl down = register_module("down", new LinearImpl(256, 64));
        final LinearImpl head = register_module("head", new LinearImpl(64, 256));

        Tensor forward(Tensor tokens) {
            Tensor x = embedding.forward(tokens);
            Tensor n = norm1.forward(x);
            x = x.add(attention.forward(n, n, n)); // was: multiHeadAttention.forward(n, n, n)
            x = x.add(down.forward(gelu(up.forward(norm2.forward(x)))));
            return head.forward(x);
        }
    }

    public static void main(String[] args) {
        Compute.threads(0);
        manual_seed(1);
        Transformer model = new Transformer();
        Adam optimizer = new Adam(model.parameters(), new AdamOptions(3e-3));
        for (int step = 1; step <= 10; step++) {
            try (Scope scope = new Scope()) { // frees the step's tensors
                Tensor start = randint(0, 256, new long[] {1, 1});
                Tensor tokens =
                        start.add(randint(0, 2, new long[] {1, 4097}).cumsum(1)).remainder(new Scalar(256));
                Tensor logits = model.forward(tokens.narrow(1, 0, 4096));
                Tensor loss = cross_entropy(
                        logits.flatten(0, 1), tokens.narrow(1, 1, 4096).flatten(0, 1));
                optimizer.zero_grad();
                loss.backward();
                optimizer.step();
                System.out.printf("step %2d  loss %.3f%n", step, loss.item_float());
            }
        }
    }
}
