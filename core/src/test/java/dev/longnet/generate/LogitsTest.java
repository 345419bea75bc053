package dev.longnet.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LogitsTest {
    @Test
    void theNormalizerMakesProbabilitiesThatAddUpTo1() {
        float[] logits = {1000, 999, -1000, 3};
        double z = Logits.normalizer(logits);
        assertThat(IntStream.range(0, 4)
                        .mapToDouble(i -> Math.exp(logits[i] - z))
                        .sum())
                .isCloseTo(1, within(1e-12));
        assertThat(Logits.normalizer(new float[] {0, 0, 0, 0})).isCloseTo(Math.log(4), within(1e-12));
    }

    @Test
    void theMostLikelyComeFirst() {
        Random random = new Random(3);
        for (int count : new int[] {0, 1, 5, 40, 99}) {
            float[] logits = new float[40];
            for (int i = 0; i < logits.length; i++) {
                logits[i] = random.nextInt(12); // many are equal
            }
            int[] expected = IntStream.range(0, 40)
                    .boxed()
                    .sorted((a, b) -> logits[a] == logits[b] ? a - b : Float.compare(logits[b], logits[a]))
                    .limit(count)
                    .mapToInt(Integer::intValue)
                    .toArray();
            assertThat(Logits.mostLikely(logits, count)).isEqualTo(expected);
        }
    }
}
