package dev.longnet.app.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TimingTest {
    private final List<String> log = new ArrayList<>();

    private Workload workload() {
        log.add("set up");
        return new Workload() {
            @Override
            public void run() {
                log.add("run");
            }

            @Override
            public void close() {
                log.add("close");
            }
        };
    }

    @Test
    void warmsUpWatchesMemoryOnceAndThenTakesTheTime() {
        Timing timing = Timing.of(this::workload, "cpu", 3);
        assertThat(log).containsExactly("set up", "run", "close", "set up", "run", "run", "run", "run", "close");
        assertThat(timing.milliseconds()).isPositive();
    }

    @Test
    void memoryOfOtherDevicesIsNotKnown() {
        assertThat(Timing.of(this::workload, "mps", 1).peakBytes()).isNull();
    }

    @Test
    void theMedianIsTheMiddleOrTheMeanOfTheTwoInTheMiddle() {
        assertThat(Timing.median(9, 1, 4)).isEqualTo(4);
        assertThat(Timing.median(9, 1, 4, 5)).isEqualTo(4.5);
        assertThat(Timing.median(7)).isEqualTo(7);
    }
}
