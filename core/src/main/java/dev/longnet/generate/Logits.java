package dev.longnet.generate;

import dev.longnet.LongNetException;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;

/** ln-probabilities before normalisation, as numbers of Java. V vocabulary. */
public final class Logits {
    private Logits() {}

    /**
     * The numbers of a tensor (V), or of its first tokens: a model may have more than its tokenizer, which mean nothing.
     *
     * @param vocabulary tokens that may be chosen
     * @param position tokens read before, for the message
     * @throws LongNetException if they are not finite
     */
    public static float[] of(Tensor logits, int vocabulary, long position) {
        try (Scope scope = new Scope()) {
            float[] numbers = Tensors.floats(logits.narrow(0, 0, Math.min(vocabulary, logits.size(0))));
            for (float number : numbers) {
                if (!Float.isFinite(number)) {
                    throw new LongNetException(
                            "the model's output after %d tokens is not finite: its weights are damaged or its training"
                                    + " diverged; use an earlier checkpoint or train it with a lower learning rate",
                            position);
                }
            }
            return numbers;
        }
    }

    /** ln Σ exp of finite logits: ln p of a token is its logit less this. */
    public static double normalizer(float[] logits) {
        double most = Float.NEGATIVE_INFINITY, sum = 0;
        for (float logit : logits) {
            most = Math.max(most, logit);
        }
        for (float logit : logits) {
            sum += Math.exp(logit - most);
        }
        return most + Math.log(sum);
    }

    /** The tokens with the highest logits, the most likely first; of equal ones the first. */
    public static int[] mostLikely(float[] logits, int count) {
        int[] best = IntStream.range(0, Math.min(count, logits.length)).toArray();
        sort(best, logits);
        for (int i = best.length; i < logits.length && best.length > 0; i++) {
            if (logits[i] > logits[best[best.length - 1]]) {
                best[best.length - 1] = i;
                sort(best, logits);
            }
        }
        return best;
    }

    private static void sort(int[] tokens, float[] logits) {
        int[] sorted = Arrays.stream(tokens)
                .boxed()
                .sorted(Comparator.<Integer>comparingDouble(i -> -logits[i]).thenComparing(i -> i))
                .mapToInt(Integer::intValue)
                .toArray();
        System.arraycopy(sorted, 0, tokens, 0, tokens.length);
    }
}
