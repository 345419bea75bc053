package dev.longnet.app.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.DilationPattern;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class ModelCostTest {
    private static final LongNetConfig MODEL = LongNetConfig.defaults().withVocabulary(100);

    /** Four projections of 256 × 256 and two of 256 × 1024 in each of four blocks, and the output. */
    private static final double WEIGHTS = 4 * (4.0 * 256 * 256 + 2.0 * 256 * 1024) + 100.0 * 256;

    @Test
    void aStepCountsSixAWeightAndTokenAndAttention() {
        double attention = MODEL.pattern().nominalFlops(1000, 4, 64, true, true);
        assertThat(ModelCost.trainingStep(MODEL, 1000)).isEqualTo(6 * WEIGHTS * 1000 + 4 * attention);
    }

    /** Counted key by key: a token after 700 others sees what the pattern shows it. */
    @Test
    void aTokenCountsTwoAWeightAndTheKeysItSees() {
        DilationPattern pattern = MODEL.pattern();
        double keys = 0;
        for (int head = 0; head < 4; head++) {
            for (long query = 700; query < 703; query++) {
                for (long key = 0; key <= query; key++) {
                    keys += pattern.count(query, key, head, 4, 703, true);
                }
            }
        }
        assertThat(ModelCost.token(MODEL, 700, 3)).isCloseTo(2 * WEIGHTS + 4 * 4 * 64 * keys / 3, Offset.offset(1e-3));
    }

    @Test
    void aTokenCostsTheSameAfterAnyNumberOfWholeSegments() {
        long segment = MODEL.pattern().longestSegment();
        assertThat(ModelCost.token(MODEL, 64 * segment, 5)).isEqualTo(ModelCost.token(MODEL, segment, 5));
    }
}
