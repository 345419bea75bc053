package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.nio.ByteBuffer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** What the kernels are told of a case, counted by hand. */
class HopperParamsTest {
    private static final TensorOptions HALF = Scope.own(Tensors.options(ScalarType.BFloat16, Tensors.cpu()));

    @Test
    void countsTilesAndRows() {
        try (Scope scope = new Scope()) {
            // 300 tokens, 2 examples, 4 heads: branches of 3 segments of 100 rows, and of 2 segments of ⌈200 / 3⌉ = 67.
            Tensor q = Tensors.zeros(HALF, 2, 300, 4, 16), k = Tensors.zeros(HALF, 2, 300, 2, 16);
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("100:1,200:3,1000:2"), true, 16);
            HopperParams params = new HopperParams(q, k, spec, 64);
            ByteBuffer bytes = params.bytes();
            assertThat(ints(bytes, HopperParams.BRANCH, 7)).containsExactly(100, 1, 4, 3, 2, 0, 100);
            int second = HopperParams.BRANCH + HopperParams.BRANCH_BYTES, third = second + HopperParams.BRANCH_BYTES;
            assertThat(ints(bytes, second, 7)).containsExactly(200, 3, 2, 2, 2, 2 * 3 * 8, 67);
            // One segment, as short as the sequence.
            assertThat(ints(bytes, third, 7)).containsExactly(300, 2, 2, 1, 3, 2 * 3 * 8 + 2 * 2 * 8, 150);
            assertThat(bytes.getLong(third + 32)).isEqualTo(8 * (3 * 100 + 2 * 67));
            assertThat(bytes.getLong(third + 40)).isEqualTo(8 * (3 * 128 + 2 * 128));
            assertThat(params.rows()).isEqualTo(8 * (300 + 134 + 150));
            assertThat(params.paddedRows()).isEqualTo(8 * (384 + 256 + 192));
            assertThat(ints(bytes, HopperParams.BRANCHES, 7)).containsExactly(3, 8 * (6 + 4 + 3), 2, 300, 4, 2, 16);
            assertThat(bytes.getFloat(HopperParams.SCALE)).isEqualTo(0.25f * 1.442695f);
        }
    }

    @Test
    void oneBranchKeepsItsPlaceInTheResults() {
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.zeros(HALF, 2, 300, 4, 16);
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("100:1,200:3,1000:2"), true, 16);
            HopperParams all = new HopperParams(q, q, spec, 64);
            for (int i = 0; i < 3; i++) {
                HopperParams one = all.only(i);
                int[] whole = ints(all.bytes(), HopperParams.BRANCH + i * HopperParams.BRANCH_BYTES, 12);
                int tiles = 8 * whole[3] * whole[4];
                whole[5] = 0;
                assertThat(ints(one.bytes(), HopperParams.BRANCH, 12)).isEqualTo(whole);
                assertThat(ints(one.bytes(), HopperParams.BRANCHES, 3)).containsExactly(1, tiles, 2);
            }
            assertThat(all.branches()).isEqualTo(3);
        }
    }

    @Test
    void tooManyTilesAreRefused() {
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.zeros(HALF, 1, 1, 1, 8).expand(60_000, 1_000_000, 128, 8);
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("2048:1"), true, 8);
            assertThatThrownBy(() -> new HopperParams(q, q, spec, 64))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("use a smaller batch or shorter sequences");
        }
    }

    private static int[] ints(ByteBuffer bytes, int at, int count) {
        int[] ints = new int[count];
        for (int i = 0; i < count; i++) {
            ints[i] = bytes.getInt(at + 4 * i);
        }
        return ints;
    }
}
