package dev.longnet.generate;

import static dev.longnet.Checks.requireArgument;

import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * How the next token is chosen from its probabilities.
 *
 * @param temperature divides the logits; 0 always takes the most likely token
 * @param topP the smallest set of most likely tokens whose probabilities reach it is drawn from; 1 for all
 */
public record Sampling(double temperature, double topP) {
    public Sampling {
        requireArgument(
                temperature >= 0 && Double.isFinite(temperature),
                "temperature must be 0 (most likely token) or a finite number above, got %s",
                temperature);
        requireArgument(topP > 0 && topP <= 1, "top-p must be above 0 and at most 1, got %s", topP);
    }

    /** The token chosen from logits (V), which are finite. */
    public int choose(float[] logits, SplittableRandom random) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            if (logits[i] > logits[best]) {
                best = i;
            }
        }
        if (temperature == 0) {
            return best;
        }
        double[] weights = new double[logits.length];
        for (int i = 0; i < logits.length; i++) {
            weights[i] = Math.exp((logits[i] - logits[best]) / temperature);
        }
        int[] candidates = IntStream.range(0, logits.length).toArray();
        if (topP < 1) {
            candidates = mostLikely(weights);
        }
        double point = random.nextDouble()
                * Arrays.stream(candidates).mapToDouble(i -> weights[i]).sum();
        for (int i : candidates) {
            point -= weights[i];
            if (point < 0) {
                return i;
            }
        }
        return candidates[candidates.length - 1];
    }

    /** The smallest set of tokens that reaches the share top-p, most likely first. */
    private int[] mostLikely(double[] weights) {
        double total = Arrays.stream(weights).sum();
        // All below this together miss the share 1 − p, so none of them is needed and few are left to sort.
        double least = (1 - topP) * total / weights.length;
        int[] order = IntStream.range(0, weights.length)
                .filter(i -> weights[i] >= least)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -weights[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        double sum = 0;
        int kept = 0;
        while (sum < topP * total && kept < order.length) {
            sum += weights[order[kept++]];
        }
        return Arrays.copyOf(order, kept);
    }
}
