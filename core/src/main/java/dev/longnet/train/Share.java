package dev.longnet.train;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.SequenceShards;
import dev.longnet.attention.Stretch;
import dev.longnet.data.Windows;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;

/**
 * What a rank computes of every batch of B sequences of N tokens: some of the sequences, and of them some of the tokens.
 *
 * @param firstRow first of {@code rows} sequences
 * @param stretch where its tokens stand in their sequence
 * @param tokens of each sequence
 * @param kernel attention over the whole sequence, given these tokens
 * @param weight part of the batch's tokens that are this rank's
 */
public record Share(int firstRow, int rows, Stretch stretch, int tokens, AttentionKernel kernel, double weight) {
    /** This rank's share; all have one of each batch. */
    public static Share of(Mesh mesh, DilationPattern pattern, int batch, int length, String kernel) {
        requireArgument(
                batch % mesh.dataRanks() == 0,
                "train.batch %d cannot be shared by %d groups of ranks; use a multiple of %2$d, or more sequence ranks",
                batch,
                mesh.dataRanks());
        int rows = batch / mesh.dataRanks();
        Share one = cut(mesh, pattern, length, kernel);
        double weight = one.weight / mesh.dataRanks();
        return new Share(mesh.dataRank() * rows, rows, one.stretch, one.tokens, one.kernel, weight);
    }

    /** This rank's share of one sequence that its group has alone; null where it has none of it. */
    static Share ofWindow(Mesh mesh, DilationPattern pattern, int length, String kernel) {
        if (length >= mesh.sequence().size()) {
            return cut(mesh, pattern, length, kernel);
        }
        return mesh.sequence().rank() > 0 ? null : cut(Mesh.ALONE, pattern, length, kernel);
    }

    private static Share cut(Mesh mesh, DilationPattern pattern, int length, String kernel) {
        SequenceShards shards =
                SequenceShards.of(pattern, length, mesh.sequence().size());
        int rank = mesh.sequence().rank();
        long tokens = shards.count(rank);
        AttentionKernel over = AttentionKernel.over(mesh.sequence(), shards, AttentionKernel.of(kernel));
        return new Share(0, 1, shards.stretch(rank), (int) tokens, over, (double) tokens / length);
    }

    /** This rank's tokens of the next batch, each sequence's with the token that follows, (rows, tokens + 1). */
    Tensor next(Windows windows, Device device) {
        Windows.Batch batch = windows.next(firstRow, rows, (int) stretch.start(), tokens + 1);
        return Tensors.of(batch.tokens(), device, rows, tokens + 1L);
    }
}
