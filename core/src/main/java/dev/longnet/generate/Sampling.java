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

    /** The token chosen from logits (V). */
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
        double total = 0;
        for (int i = 0; i < logits.length; i++) {
            weights[i] = Math.exp((logits[i] - logits[best]) / temperature);
            total += weights[i];
        }
        int[] order = IntStream.range(0, logits.length).toArray();
        int kept = order.length;
        if (topP < 1) {
            order = Arrays.stream(order)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer i) -> -weights[i]))
                    .mapToInt(Integer::intValue)
                    .toArray();
            double sum = 0;
            kept = 0;
            while (sum < topP * total && kept < order.length) {
                sum += weights[order[kept++]];
            }
            total = sum;
        }
        double point = random.nextDouble() * total;
        for (int i = 0; i < kept; i++) {
            point -= weights[order[i]];
            if (point < 0) {
                return order[i];
            }
        }
        return order[kept - 1];
    }
}
