package dev.longnet.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SamplingTest {
    private static final int DRAWS = 40_000;

    /** ln of 0.1, 0.5, 0.3, 0.07, 0.03, off by a constant. */
    private static final float[] LOGITS = logits(0.1, 0.5, 0.3, 0.07, 0.03);

    private static float[] logits(double... probabilities) {
        float[] logits = new float[probabilities.length];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) Math.log(probabilities[i]) + 41;
        }
        return logits;
    }

    private static double[] shares(Sampling sampling, float[] logits) {
        double[] shares = new double[logits.length];
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < DRAWS; i++) {
            shares[sampling.choose(logits, random)] += 1.0 / DRAWS;
        }
        return shares;
    }

    @Test
    void temperature0TakesTheMostLikely() {
        assertThat(shares(new Sampling(0, 1), LOGITS)).containsExactly(new double[] {0, 1, 0, 0, 0}, within(1e-9));
        assertThat(shares(new Sampling(0, 0.1), new float[] {-3, 7, 7})[1]).isCloseTo(1, within(1e-9));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-300, 1e-6, 0.01})
    void aTinyTemperatureIsNearlyTheSame(double temperature) {
        assertThat(shares(new Sampling(temperature, 1), LOGITS)[1]).isCloseTo(1, within(1e-9));
    }

    @Test
    void drawsWithTheProbabilities() {
        assertThat(shares(new Sampling(1, 1), LOGITS))
                .containsExactly(new double[] {0.1, 0.5, 0.3, 0.07, 0.03}, within(0.01));
    }

    @Test
    void temperature2TakesTheirRoots() {
        double[] roots = Arrays.stream(new double[] {0.1, 0.5, 0.3, 0.07, 0.03})
                .map(Math::sqrt)
                .toArray();
        double sum = Arrays.stream(roots).sum();
        assertThat(shares(new Sampling(2, 1), LOGITS))
                .containsExactly(Arrays.stream(roots).map(r -> r / sum).toArray(), within(0.01));
    }

    @ParameterizedTest
    @CsvSource({"0.0001, 1", "0.49, 1", "0.51, 2", "0.79, 2", "0.81, 3", "0.89, 3", "0.91, 4", "0.98, 5", "1, 5"})
    void topPKeepsTheSmallestSetThatReachesIt(double topP, int kept) {
        double[] shares = shares(new Sampling(1, topP), LOGITS);
        int[] order = {1, 2, 0, 3, 4};
        double sum = IntStream.range(0, kept)
                .mapToDouble(i -> Math.exp(LOGITS[order[i]] - 41))
                .sum();
        for (int i = 0; i < order.length; i++) {
            double expected = i < kept ? Math.exp(LOGITS[order[i]] - 41) / sum : 0;
            assertThat(shares[order[i]]).isCloseTo(expected, within(expected == 0 ? 1e-12 : 0.012));
        }
    }

    /** Against the plain definition, over a vocabulary of odd size. */
    @Test
    void topPOfManyTokens() {
        Random random = new Random(9);
        double[] weights = random.doubles(1001).map(x -> Math.exp(9 * x)).toArray();
        double total = Arrays.stream(weights).sum();
        double[] probabilities = Arrays.stream(weights).map(w -> w / total).toArray();
        Integer[] order = IntStream.range(0, 1001)
                .boxed()
                .sorted((a, b) -> Double.compare(probabilities[b], probabilities[a]))
                .toArray(Integer[]::new);
        boolean[] allowed = new boolean[1001];
        double sum = 0;
        for (int i = 0; sum < 0.8; i++) {
            allowed[order[i]] = true;
            sum += probabilities[order[i]];
        }
        double[] shares = shares(new Sampling(1, 0.8), logits(probabilities));
        for (int i = 0; i < 1001; i++) {
            assertThat(shares[i] == 0 || allowed[i]).as("token %d", i).isTrue();
        }
        assertThat(Arrays.stream(shares).filter(s -> s > 0).count()).isGreaterThan(100);
    }

    @Test
    void theSameSeedDrawsTheSame() {
        Sampling sampling = new Sampling(1.3, 0.9);
        SplittableRandom a = new SplittableRandom(17), b = new SplittableRandom(17), c = new SplittableRandom(18);
        int[] first =
                IntStream.range(0, 50).map(i -> sampling.choose(LOGITS, a)).toArray();
        assertThat(IntStream.range(0, 50).map(i -> sampling.choose(LOGITS, b)).toArray())
                .isEqualTo(first);
        assertThat(IntStream.range(0, 50).map(i -> sampling.choose(LOGITS, c)).toArray())
                .isNotEqualTo(first);
    }

    @ParameterizedTest
    @CsvSource({"-0.1, 1", "NaN, 1", "Infinity, 1", "1, 0", "1, -0.5", "1, 1.01", "1, 2", "1, NaN"})
    void refusesWhatIsNoTemperatureOrShare(double temperature, double topP) {
        assertThatThrownBy(() -> new Sampling(temperature, topP))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("(temperature|top-p) must be .*, got .*");
    }
}
