package dev.longnet.tensor;

import static dev.longnet.Checks.requireArgument;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;

/**
 * The memory of this machine, asked before something large is made: a system that promises more than it has ends the
 * process later instead of refusing now.
 */
public final class HostMemory {
    private static final String[] UNITS = {"MiB", "GiB", "TiB", "PiB", "EiB"};

    private HostMemory() {}

    /** Bytes of the machine or of the container around this process; 2^63 − 1 where the JVM does not tell. */
    public static long total() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean machine
                ? machine.getTotalMemorySize()
                : Long.MAX_VALUE;
    }

    /**
     * Refuses what this machine cannot hold.
     *
     * @param what the thing, the subject of the sentence
     * @param bytes least memory it takes
     * @param wayOut what to do instead
     * @throws IllegalArgumentException if it takes more than there is
     */
    public static void require(String what, double bytes, String wayOut) {
        requireArgument(
                bytes <= total(),
                "%s needs about %s of memory and this machine has %s; %s",
                what,
                text(bytes),
                text(total()),
                wayOut);
    }

    private static String text(double bytes) {
        double amount = bytes / (1 << 20);
        int unit = 0;
        while (amount >= 1024 && unit < UNITS.length - 1) {
            amount /= 1024;
            unit++;
        }
        return String.format(Locale.ROOT, amount < 10 ? "%.1f %s" : "%.0f %s", amount, UNITS[unit]);
    }
}
