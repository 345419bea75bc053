package dev.longnet.plan;

import dev.longnet.model.Execution.Activations;

/**
 * What a step is predicted to take: nothing in it was measured.
 *
 * @param direction {@code training step} or {@code forward}
 * @param length tokens N of the one sequence that all ranks share
 * @param ranks GPUs
 * @param tokensPerRank most tokens of a rank
 * @param pattern branches of attention
 * @param activations what becomes of a block's activations; null for the forward pass alone
 * @param seconds of the slowest rank, which the others wait for
 * @param tokensPerSecond of all ranks together
 * @param waiting share of the step in which nothing hides that tensors move between GPUs, 0 to 1
 * @param parts where the seconds go
 * @param receivedBytes keys and values that the rank receives in a layer's forward pass
 * @param gpuBytes memory that a GPU's tensors take at most
 * @param hostBytes memory of the machine that holds a GPU's offloaded activations
 * @param fits whether that is there
 */
public record Prediction(
        String direction,
        long length,
        int ranks,
        long tokensPerRank,
        String pattern,
        Activations activations,
        double seconds,
        double tokensPerSecond,
        double waiting,
        StepTime parts,
        double receivedBytes,
        double gpuBytes,
        double hostBytes,
        boolean fits) {}
