package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PermutationTest {
    private static long[] images(Permutation permutation) {
        return LongStream.range(0, permutation.size()).map(permutation::at).toArray();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 257, 1000, 4099})
    void everyNumberComesOnce(int size) {
        for (long key = -2; key < 3; key++) {
            assertThat(LongStream.of(images(new Permutation(size, key)))
                            .sorted()
                            .toArray())
                    .isEqualTo(LongStream.range(0, size).toArray());
        }
    }

    @Test
    void theKeyChoosesTheOrder() {
        assertThat(images(new Permutation(101, 1)))
                .isEqualTo(images(new Permutation(101, 1)))
                .isNotEqualTo(images(new Permutation(101, 2)))
                .isNotEqualTo(LongStream.range(0, 101).toArray());
    }

    @Test
    void neighboursAreScattered() {
        long[] images = images(new Permutation(10_007, 5));
        long neighbours = LongStream.range(1, images.length)
                .filter(i -> Math.abs(images[(int) i] - images[(int) i - 1]) < 10)
                .count();
        // About 18 in 10 007 of a random order.
        assertThat(neighbours).isLessThan(60);
    }

    @Test
    void largeSizesStayInside() {
        Permutation permutation = new Permutation((1L << 40) + 3, 9);
        assertThat(LongStream.range(0, 1000).map(permutation::at))
                .doesNotHaveDuplicates()
                .allMatch(image -> image >= 0 && image < permutation.size());
    }

    @Test
    void theSizeIsChecked() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Permutation(0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> new Permutation(Long.MAX_VALUE, 1));
    }
}
