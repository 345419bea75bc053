package dev.longnet.ranks;

import dev.longnet.tensor.Tensors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks that are processes of this machine exchange what the interface promises. */
class RanksTest {
    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void exchangeEverything(int size) throws Exception {
        Jvms.runAll(size, RanksTest.class, "exchanges");
    }

    static void exchanges(Ranks ranks) {
        new Exchanges(ranks.world(), Tensors.cpu()).check();
    }
}
