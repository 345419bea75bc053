package dev.longnet.ranks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.ranks.Jvms.Rank;
import dev.longnet.tensor.TestDevice;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Ranks on two NVIDIA GPUs exchange and end as those on CPUs do. */
class NcclTest {
    private static final int SIZE = 2;
    private static final Map<String, String> GPUS =
            Map.of("TEST_DEVICE", "cuda", "NCCL_NVLS_ENABLE", "0", "TORCH_NCCL_ASYNC_ERROR_HANDLING", "0");

    @BeforeAll
    static void needsTwoGpus() {
        assumeTrue(TestDevice.gpus() >= SIZE, "there are fewer than two NVIDIA GPUs here");
    }

    @Test
    void exchangeEverything() throws Exception {
        try (Jvms jvms = Jvms.start(SIZE, GPUS, RanksTest.class, "exchanges")) {
            for (int i = 0; i < SIZE; i++) {
                Rank rank = jvms.get(i).join();
                assertThat(rank.exit()).as("%s", rank).isZero();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "KILL, 0, is gone",
        "KILL, 1, is gone",
        "STOP, 0, has given no sign of life for 5 s",
        "STOP, 1, has given no sign of life for 5 s"
    })
    void theOtherEnds(String signal, int which, String message) throws Exception {
        try (Jvms jvms = Jvms.start(SIZE, GPUS, EndingTest.class, "exchangeForever")) {
            for (int i = 0; i < SIZE; i++) {
                jvms.get(i).awaitLine("ready");
            }
            jvms.get(which).signal(signal);
            long start = System.nanoTime();
            Rank other = jvms.get(SIZE - 1 - which).join();
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
            assertThat(other.exit()).as("%s", other).isEqualTo(1);
            assertThat(other.err()).contains("rank " + which + " on host " + (char) ('a' + which) + " " + message);
        }
    }

    @Test
    void throwing() throws Exception {
        try (Jvms jvms = Jvms.start(SIZE, GPUS, EndingTest.class, "oneThrows")) {
            assertThat(jvms.get(0).join().err())
                    .contains("rank 1 on host b: IllegalStateException: the tooth is broken");
            assertThat(jvms.get(1).join().err()).contains("the tooth is broken");
        }
    }
}
