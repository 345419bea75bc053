package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rotations against cosines and sines computed to sixty digits. */
class RotaryTableTest {
    private static final MathContext DIGITS = new MathContext(60);
    private static final int DIM = 10;

    /** cos and sin of p·θ, by reduction with 60 digits of π (Machin) and their series. */
    private static double[] turn(long position, double frequency) {
        BigDecimal pi = arctanOfInverse(5)
                .multiply(BigDecimal.valueOf(16))
                .subtract(arctanOfInverse(239).multiply(BigDecimal.valueOf(4)));
        BigDecimal angle = new BigDecimal(frequency)
                .multiply(BigDecimal.valueOf(position))
                .remainder(pi.multiply(BigDecimal.valueOf(2)));
        BigDecimal term = BigDecimal.ONE, cos = BigDecimal.ZERO, sin = BigDecimal.ZERO;
        for (int k = 0; k < 90; k++) {
            BigDecimal signed = k % 4 < 2 ? term : term.negate();
            if (k % 2 == 0) {
                cos = cos.add(signed, DIGITS);
            } else {
                sin = sin.add(signed, DIGITS);
            }
            term = term.multiply(angle, DIGITS).divide(BigDecimal.valueOf(k + 1), DIGITS);
        }
        return new double[] {cos.doubleValue(), sin.doubleValue()};
    }

    private static BigDecimal arctanOfInverse(int n) {
        MathContext more = new MathContext(90);
        BigDecimal power = BigDecimal.ONE.divide(BigDecimal.valueOf(n), more), sum = BigDecimal.ZERO;
        BigDecimal square = BigDecimal.valueOf((long) n * n);
        for (int k = 0; power.compareTo(new BigDecimal("1e-85")) > 0; k++) {
            BigDecimal term = power.divide(BigDecimal.valueOf(2L * k + 1), more);
            sum = k % 2 == 0 ? sum.add(term) : sum.subtract(term);
            power = power.divide(square, more);
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 1_000_003, (1L << 33) + 1, (1L << 40) - 7})
    void turnsExactlyAtAnyPosition(long start) {
        Rotary rotary = new Rotary(DIM, 10_000, 0);
        int length = 13;
        for (ScalarType type : new ScalarType[] {ScalarType.Double, ScalarType.Float}) {
            double bound = type == ScalarType.Double ? 2e-14 : 1.2e-7;
            try (Scope scope = new Scope()) {
                TensorOptions options = Tensors.options(type, Tensors.cpu());
                RotaryTable table = new RotaryTable(rotary, start, length, type, Tensors.cpu());
                // 1 + 0i in every pair shows the rotation itself
                double[] unit = new double[length * DIM];
                for (int i = 0; i < unit.length; i += 2) {
                    unit[i] = 1;
                }
                Tensor ones = Tensors.of(unit, Tensors.cpu(), 1, length, 1, DIM).to(type);
                double[] turned = Tensors.doubles(table.turnQueries(ones));
                assertThat(Tensors.doubles(table.turnKeys(ones))).isEqualTo(turned);
                double[] frequencies = rotary.frequencies();
                for (int n = 0; n < length; n++) {
                    for (int i = 0; i < DIM / 2; i++) {
                        double[] exact = turn(start + n, frequencies[i]);
                        assertThat(turned[n * DIM + 2 * i]).isCloseTo(exact[0], within(bound));
                        assertThat(turned[n * DIM + 2 * i + 1]).isCloseTo(exact[1], within(bound));
                    }
                }
                assertThat(Tensors.type(table.turnKeys(Tensors.zeros(options, 1, length, 1, DIM))))
                        .isEqualTo(type);
            }
        }
    }

    @Test
    void blocksOfPositionsJoin() {
        // Angles are reduced anew every 2^20 positions; a table across such a border is that of its two sides.
        Rotary rotary = new Rotary(4, 10_000, 0);
        long border = 1 << 20;
        try (Scope scope = new Scope()) {
            Tensor all = new RotaryTable(rotary, 5, border + 9, ScalarType.Double, Tensors.cpu())
                    .tensors()
                    .get(0);
            Tensor end = new RotaryTable(rotary, border - 2, 16, ScalarType.Double, Tensors.cpu())
                    .tensors()
                    .get(0);
            Tensor difference = all.narrow(0, border - 7, 16).sub(end).abs().max();
            assertThat(Tensors.item(difference)).isLessThan(1e-9);
        }
    }

    @Test
    void dampsByDistanceAlone() {
        Rotary rotary = new Rotary(6, 10_000, 3);
        try (Scope scope = new Scope()) {
            RotaryTable table = new RotaryTable(rotary, 1L << 40, 9, ScalarType.Double, Tensors.cpu());
            assertThat(table.damping()).isNull();
            double[] one = new double[9 * 6];
            Arrays.fill(one, 1);
            Tensor ones = Tensors.of(one, Tensors.cpu(), 1, 9, 1, 6);
            Tensor q = table.turnQueries(ones), k = table.turnKeys(ones);
            for (int query = 0; query < 9; query++) {
                for (int key = 0; key <= query; key++) {
                    double score =
                            q.select(1, query).mul(k.select(1, key)).sum().item_double();
                    double expected = 0;
                    for (int i = 0; i < 3; i++) {
                        double zeta = (2 * i + 0.4 * 6) / (1.4 * 6), theta = Math.pow(10_000, -2.0 * i / 6);
                        expected += 2 * Math.cos((query - key) * theta) * Math.pow(zeta, (query - key) / 3.0);
                    }
                    assertThat(score).isCloseTo(expected, within(1e-12));
                }
            }
        }
    }

    @Test
    void refusesWhatItCannotTurn() {
        assertThatThrownBy(() -> new Rotary(7, 10_000, 0)).hasMessageContaining("head dimension 7 is odd");
        assertThatThrownBy(() -> new Rotary(8, 1, 0)).hasMessageContaining("got 1.0");
        assertThatThrownBy(() -> new Rotary(8, 10_000, -1)).hasMessageContaining("got -1");
    }
}
