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
            HopperParams params = params(q, k, spec, false);
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
    void aBranchOfAllRowsHasNoCompactOnes() {
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.zeros(HALF, 2, 300, 4, 16);
            // The shorter of those with ratio 1 is the base.
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("150:1,50:1,200:3"), true, 16);
            HopperParams params = params(q, q, spec, true);
            assertThat(params.bytes().getInt(HopperParams.BASE)).isEqualTo(1);
            assertThat(params.rows()).isEqualTo(8 * (300 + 134));
            assertThat(params.bytes().getLong(HopperParams.BRANCH + 2 * HopperParams.BRANCH_BYTES + 32))
                    .isEqualTo(8 * 300);
            // The branch of 150 leaves its pairs within 50 tokens to it, that of 200 as well.
            int[] inner = ints(params.bytes(), HopperParams.INNER, 2 * HopperParams.MOST_HEADS + 4);
            assertThat(inner[0]).isEqualTo(50);
            assertThat(inner[HopperParams.MOST_HEADS]).isZero();
            assertThat(inner[2 * HopperParams.MOST_HEADS]).isEqualTo(50);
            assertThat(params.bytes().get(HopperParams.BELOW + HopperParams.MOST_HEADS))
                    .isEqualTo((byte) 0b101);
        }
    }

    @Test
    void tilesOfABranchFollowEachOther() {
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.zeros(HALF, 2, 300, 4, 16);
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("100:1,200:3,1000:2"), true, 16);
            HopperParams params = params(q, q, spec, false);
            assertThat(params.branches()).isEqualTo(3);
            assertThat(new int[] {params.firstTile(0), params.firstTile(1), params.firstTile(2), params.firstTile(3)})
                    .containsExactly(0, 8 * 6, 8 * (6 + 4), 8 * (6 + 4 + 3));
            params.end(params.firstTile(1));
            assertThat(params.bytes().getInt(HopperParams.TILES)).isEqualTo(48);
            assertThat(params.firstTile(3)).isEqualTo(8 * (6 + 4 + 3));
        }
    }

    @Test
    void tooManyTilesAreRefused() {
        try (Scope scope = new Scope()) {
            Tensor q = Tensors.zeros(HALF, 1, 1, 1, 8).expand(60_000, 1_000_000, 128, 8);
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("2048:1"), true, 8);
            assertThatThrownBy(() -> params(q, q, spec, true))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("use a smaller batch or shorter sequences");
        }
    }

    private static HopperParams params(Tensor q, Tensor k, AttentionSpec spec, boolean whole) {
        SharedPairs pairs = SharedPairs.of(spec.pattern(), q.size(1), (int) q.size(2));
        return new HopperParams(q, k, spec, pairs, 64, whole);
    }

    private static int[] ints(ByteBuffer bytes, int at, int count) {
        int[] ints = new int[count];
        for (int i = 0; i < count; i++) {
            ints[i] = bytes.getInt(at + 4 * i);
        }
        return ints;
    }
}
