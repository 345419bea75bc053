package dev.longnet.app.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class SeriesTest {
    private static Series line(int points) {
        double[] x = IntStream.range(0, points).asDoubleStream().toArray();
        double[] y =
                IntStream.range(0, points).mapToDouble(i -> i % 2 == 0 ? 1 : 3).toArray();
        return new Series("loss", 0, x, y);
    }

    @Test
    void smoothsWithoutBendingItsEnds() {
        Series line = line(1001);
        Series smooth = line.smoothed();
        assertThat(smooth.y()[500]).isCloseTo(2, Offset.offset(0.1));
        assertThat(smooth.y()[0]).isEqualTo(line.y()[0]);
        assertThat(smooth.y()[1000]).isEqualTo(line.y()[1000]);
        double[] falling = IntStream.range(0, 200).mapToDouble(i -> 200 - i).toArray();
        assertThat(new Series("loss", 0, falling.clone(), falling).smoothed().y())
                .containsExactly(falling, Offset.offset(1e-9));
    }

    @Test
    void keepsExtremesWhenItIsThinned() {
        Series line = line(10_007);
        line.y()[4321] = 99;
        line.y()[7] = -5;
        line.y()[1] = Double.NaN;
        Series thin = line.thinned();
        assertThat(thin.x().length).isEqualTo(600);
        assertThat(thin.y()).contains(99, -5);
        assertThat(thin.x()).isSorted().startsWith(0).endsWith(10_006);
        assertThat(line(600).thinned().x()).hasSize(600);
    }

    @Test
    void needsAsManyXAsY() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Series("loss", 0, new double[2], new double[3]))
                .withMessage("a series has 2 x but 3 y");
    }
}
