package dev.longnet.app.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

@EnabledOnOs(OS.LINUX)
class PeakMemoryTest {
    private static final long MIB = 1 << 20;

    @Test
    void seesWhatWasFreedAgainAndForgetsWhatWasBefore() {
        touch(64);
        PeakMemory memory = PeakMemory.of("cpu");
        touch(200);
        memory.restart();
        touch(97);
        assertThat(memory.peak()).isBetween(80 * MIB, 130 * MIB);
    }

    private static void touch(int mib) {
        try (BytePointer block = new BytePointer(mib * MIB)) {
            Pointer.memset(block, 1, mib * MIB);
        }
    }
}
