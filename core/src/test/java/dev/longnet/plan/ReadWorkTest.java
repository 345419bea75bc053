package dev.longnet.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.config.Configs;
import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReadWorkTest {
    private static final int HEADS = 3;

    private static LongNetConfig model(String pattern) {
        return Configs.with(
                PlanConfig.defaults().model(),
                "pattern=" + pattern,
                "heads=" + HEADS,
                "keyValueHeads=" + HEADS,
                "embedding=" + 8 * HEADS);
    }

    /** Every pair one by one, a query asking for the branches that are seen where it stands. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "8:1,32:4        | 16 | 200",
                "8:1,32:4        | 64 | 201",
                "8:1,16:2...     | 16 | 300",
                "8:1,16:2...     | 32 | 257",
                "16:1,64:4...    | 64 | 1000",
                "4:1,12:3        | 12 | 131",
                "8:1             | 7  | 7",
            })
    void pairsAreCounted(String text, int piece, int length) {
        DilationPattern pattern = DilationPattern.parse(text);
        double near = 0, far = 0;
        for (long query = 0; query < length; query++) {
            List<Branch> seen = pattern.at(query).branches();
            for (Branch branch : seen) {
                for (int head = 0; head < HEADS; head++) {
                    for (long key = 0; key <= query; key++) {
                        if (branch.sees(query, key, head, HEADS, true)) {
                            boolean one = query / piece == key / piece;
                            near += one ? 1 : 0;
                            far += one ? 0 : 1;
                        }
                    }
                }
            }
        }
        ReadWork work = ReadWork.of(model(text), length, piece);
        assertThat(work.nearPairs() + work.farPairs()).isEqualTo(near + far);
        assertThat(work.nearPairs()).isEqualTo(near);
    }

    /** What is computed of a token is the same however long the text is. */
    @Test
    void aTokenCostsTheSame() {
        LongNetConfig model = model("2k:1,16k:8...");
        ReadWork some = ReadWork.of(model, 1 << 24, 1 << 18), many = ReadWork.of(model, 1L << 34, 1 << 18);
        double ratio = (many.nearPairs() + many.farPairs()) / (some.nearPairs() + some.farPairs()) / (1 << 10);
        assertThat(ratio).isBetween(1.0, 1.01);
        assertThat(many.sharedPairs()).isPositive().isLessThan(many.nearPairs() / 5);
    }
}
