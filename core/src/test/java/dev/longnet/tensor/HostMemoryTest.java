package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class HostMemoryTest {
    @Test
    void refusesMoreThanThereIs() {
        assertThat(HostMemory.total()).isGreaterThan(1L << 28);
        HostMemory.require("all of it", HostMemory.total(), "use less");
        assertThatThrownBy(() -> HostMemory.require("a model", 9.6 * Math.pow(1024, 5), "make it smaller"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching(
                        "a model needs about 9\\.6 PiB of memory and this machine has [\\d.]+ [MGT]iB; make it smaller");
        assertThatThrownBy(() -> HostMemory.require("a model", HostMemory.total() + 4096.0, ""))
                .hasMessageContaining("needs about");
        assertThatThrownBy(() -> HostMemory.require("a model", Double.MAX_VALUE, ""))
                .hasMessageContaining("EiB");
    }
}
