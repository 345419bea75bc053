package dev.longnet.app.bench;

import dev.longnet.tensor.Compute;
import dev.longnet.tensor.GpuMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;

/**
 * Peak memory over a baseline: of an NVIDIA GPU from libtorch's allocator, for the CPU that of this process from the Linux
 * kernel's own account of resident pages.
 *
 * <p>Freed memory that the allocator keeps is first given back ({@code malloc_trim}), so that reusing it counts. Then
 * writing 5 to {@code /proc/self/clear_refs} resets the kernel's high-water mark, {@code VmHWM} in
 * {@code /proc/self/status}, which nothing allocated and freed in between escapes. Other systems have no mark to reset.
 */
public final class PeakMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private final Device gpu;
    private final OptionalLong before;
    private boolean watching;

    private PeakMemory(Device gpu, OptionalLong before) {
        this.gpu = gpu;
        this.before = before;
    }

    /** Takes what the process, or on a GPU its tensors, hold now as the baseline. */
    static PeakMemory of(String device) {
        if (device.startsWith("cuda")) {
            Device gpu = Compute.device(device);
            return new PeakMemory(gpu, OptionalLong.of(GpuMemory.held(gpu)));
        }
        trim();
        return new PeakMemory(null, device.equals("cpu") ? resident() : OptionalLong.empty());
    }

    /** Everything that the process, or on a GPU its tensors, hold is counted; on a GPU there are some already. */
    public static PeakMemory whole(String device) {
        return new PeakMemory(device.startsWith("cuda") ? Compute.device(device) : null, OptionalLong.of(0));
    }

    /** Forgets the peak so far. */
    public void restart() {
        if (gpu != null) {
            GpuMemory.forgetPeak(gpu);
            return;
        }
        trim();
        try {
            Files.writeString(CLEAR, "5");
            watching = true;
        } catch (IOException | UnsupportedOperationException e) {
            watching = false;
        }
    }

    /** Bytes of the peak since {@link #restart} over the baseline, or null where they cannot be had. */
    public Long peak() {
        OptionalLong peak =
                gpu != null ? OptionalLong.of(GpuMemory.peak(gpu)) : watching ? bytes("VmHWM") : OptionalLong.empty();
        return peak.isPresent() && before.isPresent() ? Math.max(0, peak.getAsLong() - before.getAsLong()) : null;
    }

    private static void trim() {
        Pointer.trimMemory();
    }

    /** Resident memory of the process, natives included; empty on systems other than Linux. */
    public static OptionalLong resident() {
        return bytes("VmRSS");
    }

    private static OptionalLong bytes(String field) {
        try (var lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(field + ":"))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
