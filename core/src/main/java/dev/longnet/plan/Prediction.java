package dev.longnet.plan;

import dev.longnet.model.Execution.Activations;

/**
 * What a step, or reading a text, is predicted to take: nothing in it was measured.
 *
 * @param direction {@code training step}, {@code forward} or {@code read}
 * @param length tokens N of the one sequence that all ranks share, or of the text
 * @param ranks devices
 * @param tokensPerRank most tokens of a rank, of the text that is read at once
 * @param pattern branches of attention
 * @param activations what becomes of a block's activations; null without a backward pass
 * @param seconds of the slowest rank, which the others wait for
 * @param tokensPerSecond of all ranks together
 * @param waiting share of the step in which nothing hides that tensors move between GPUs, 0 to 1
 * @param parts where the seconds go
 * @param receivedBytes keys and values that the rank receives in a layer's forward pass
 * @param stateBytes keys and values that are kept of a text that is read; 0 otherwise
 * @param memoryBytes memory that a device's tensors take at most
 * @param hostBytes memory of the machine that holds a device's offloaded activations
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
        double stateBytes,
        double memoryBytes,
        double hostBytes,
        boolean fits) {}
