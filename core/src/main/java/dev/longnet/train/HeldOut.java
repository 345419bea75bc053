package dev.longnet.train;

import dev.longnet.data.TokenFile;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The loss on the first held-out tokens, in windows of the trained length, which groups of ranks take in turns. */
final class HeldOut {
    private final RunConfig config;
    private final TokenFile tokens;
    private final Mesh mesh;

    HeldOut(RunConfig config, TokenFile tokens, Mesh mesh) {
        this.config = config;
        this.tokens = tokens;
        this.mesh = mesh;
    }

    /** Mean −ln p, the same on every rank. */
    double loss(LongNetDecoder model, Execution execution) {
        int length = config.train().length();
        long limit = Math.min(config.train().evalTokens(), tokens.tokens() - 1);
        double sum = 0;
        long count = 0;
        for (int window = 0; count < limit; window++) {
            int n = (int) Math.min(length, limit - count);
            if (window % mesh.dataRanks() == mesh.dataRank()) {
                sum += sum(model, count, n, execution);
            }
            count += n;
        }
        return total(sum, model) / count;
    }

    /** Sum of −ln p of this rank's tokens in the window of {@code n} tokens from {@code first} on. */
    private double sum(LongNetDecoder model, long first, int n, Execution execution) {
        Share share =
                Share.ofWindow(mesh, config.model().pattern(), n, config.train().kernel());
        if (share == null) {
            return 0;
        }
        try (Scope scope = new Scope();
                var off = Gradient.off()) {
            int[] window = new int[share.tokens() + 1];
            tokens.read(first + share.stretch().start(), window, 0, window.length);
            Tensor rows = Tensors.of(longs(window), model.device(), 1, window.length);
            Execution shared = execution.withKernel(share.kernel());
            Tensor features = model.features(rows.narrow(1, 0, share.tokens()), null, share.stretch(), shared);
            Tensor targets = rows.narrow(1, 1, share.tokens());
            double sum = 0;
            for (float loss :
                    Loss.perToken(model, features, targets, config.train().lossChunk(model.device()), shared)) {
                sum += loss;
            }
            return sum;
        }
    }

    private double total(double sum, LongNetDecoder model) {
        if (mesh.world().size() == 1) {
            return sum;
        }
        try (Scope scope = new Scope()) {
            Tensor total = Tensors.full(sum, Tensors.options(ScalarType.Double, model.device()), 1);
            mesh.world().allReduce(total).await();
            return Tensors.item(total);
        }
    }

    private static long[] longs(int[] values) {
        long[] wide = new long[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }
}
