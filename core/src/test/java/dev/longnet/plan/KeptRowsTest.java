package dev.longnet.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.attention.KeyValueCache;
import dev.longnet.config.Configs;
import dev.longnet.config.Sizes;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KeptRowsTest {
    private static final int HEADS = 3, DIM = 4;

    /** Against a cache that reads such a text, cut where {@code longnet read} and sessions cut it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "512:1,2048:4    | 1024 | 5000",
                "512:1,2048:4    | 333  | 5000",
                "512:1,2048:4    | 4096 | 1700",
                "300:1,700:3     | 1000 | 6999",
                "64:1,512:8...   | 512  | 9000",
                "64:1,512:8...   | 4096 | 9000",
                "64:1,512:8...   | 700  | 20000",
                "96:2,480:10...  | 250  | 7001",
                "1000:1          | 1    | 999",
            })
    void roomIsThatOfACache(String branches, int piece, int length) {
        DilationPattern pattern = DilationPattern.parse(branches);
        double rows = new KeptRows(pattern, piece, length).ofAHead();
        assertThat(2 * Float.BYTES * HEADS * DIM * rows).isEqualTo(cached(pattern, piece, length));
    }

    private static long cached(DilationPattern pattern, int piece, int length) {
        try (Scope scope = new Scope();
                KeyValueCache cache = new KeyValueCache(pattern, HEADS)) {
            AttentionKernel kernel = cache.over(AttentionKernel.of("aten"));
            Tensor numbers = Tensors.zeros(Tensors.options(ScalarType.Float, Tensors.cpu()), 1, piece, HEADS, DIM);
            while (cache.position() < length) {
                long at = cache.position(), end = Math.min(length, (at / piece + 1) * piece);
                long tokens = Math.min(end, pattern.changesAfter(at)) - at;
                try (Scope part = new Scope()) {
                    Tensor some = numbers.narrow(1, 0, tokens);
                    kernel.forward(
                            some,
                            some,
                            some,
                            AttentionSpec.of(pattern, true, DIM).withStart(at));
                }
            }
            return cache.bytes();
        }
    }

    /** Of the 124 M model on one H200, read in pieces of 256k: docs/benchmarks.md, up to where it was begun again. */
    @ParameterizedTest
    @CsvSource({"50m, 243", "100m, 252", "250m, 272", "500m, 313", "800m, 322"})
    void stateOfABillionTokens(String tokens, int mib) {
        PlanConfig config = Configs.with(PlanConfig.defaults(), "model.pattern=2k:1,16k:8...");
        double bytes = KeptRows.bytes(config.model(), 256 << 10, Sizes.parse(tokens), Weights.BF16);
        assertThat(Math.round(bytes / (1 << 20))).isEqualTo(mib);
    }
}
