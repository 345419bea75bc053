package dev.longnet.plan;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.InvalidArgumentException;
import dev.longnet.config.Doc;
import java.util.List;
import java.util.Locale;

/**
 * Machines of GPUs, all alike, joined by a network. Rates are what real runs reach, not what data sheets promise; those of
 * attention are for the pairs that the kernels compute, each once however many branches have it.
 */
@Doc("The machines: what a GPU of them reaches, and the links between GPUs")
public record Machine(
        @Doc("GPUs of one machine, joined by the fast link") int gpus,

        @Doc(value = "Memory of a GPU", unit = "GiB") double memory,

        @Doc(value = "Memory of a GPU that the driver, libraries and fragments take", unit = "GiB")
        double reserved,

        @Doc(value = "Memory of a machine that may hold offloaded activations", unit = "GiB")
        double hostMemory,

        @Doc(value = "Matrix products in bfloat16", unit = "TFLOP/s")
        double products,

        @Doc(value = "Memory bandwidth that passes over rows reach", unit = "GB/s")
        double bandwidth,

        @Doc(value = "Attention forward, heads of 64 features", unit = "TFLOP/s")
        double forward64,

        @Doc(value = "Attention backward, heads of 64 features", unit = "TFLOP/s")
        double backward64,

        @Doc(value = "Attention forward, heads of 128 features", unit = "TFLOP/s")
        double forward128,

        @Doc(value = "Attention backward, heads of 128 features", unit = "TFLOP/s")
        double backward128,

        @Doc(value = "What a GPU receives from GPUs of its machine", unit = "GB/s")
        double nodeLink,

        @Doc(value = "What a GPU receives from other machines", unit = "GB/s")
        double networkLink,

        @Doc(value = "What a GPU moves to or from its machine's memory", unit = "GB/s")
        double hostLink,

        @Doc(
                value = "Time of an exchange beside its bytes, once for every doubling of the ranks that take part",
                unit = "µs")
        double latency) {

    /** Names that {@link #of} takes. */
    public static final List<String> NAMES = List.of("h200", "h100");

    /** Widest heads that rates were measured for. */
    static final int WIDEST_HEAD = 128;

    public Machine {
        requireArgument(gpus > 0, "gpus must be positive, got %d", gpus);
        positive("memory", memory);
        requireArgument(
                reserved >= 0 && reserved < memory,
                "reserved must be at least 0 and below memory %s, got %s",
                memory,
                reserved);
        requireArgument(
                hostMemory >= 0 && Double.isFinite(hostMemory),
                "hostMemory must be a finite number of at least 0, got %s",
                hostMemory);
        positive("products", products);
        positive("bandwidth", bandwidth);
        positive("forward64", forward64);
        positive("backward64", backward64);
        positive("forward128", forward128);
        positive("backward128", backward128);
        positive("nodeLink", nodeLink);
        positive("networkLink", networkLink);
        positive("hostLink", hostLink);
        requireArgument(
                latency >= 0 && Double.isFinite(latency),
                "latency must be a finite number of at least 0, got %s",
                latency);
    }

    private static void positive(String name, double value) {
        requireArgument(value > 0 && Double.isFinite(value), "%s must be a finite number above 0, got %s", name, value);
    }

    /** {@code h200}. */
    public static Machine defaults() {
        return new Machine(8, 139, 4, 2048, 560, 3600, 360, 350, 530, 410, 260, 40, 50, 28);
    }

    /**
     * A machine by name: {@code h200} (8 × H200, NVLink within, 400 Gb/s InfiniBand a GPU between) or {@code h100}, the
     * same with 78 GiB of slower memory.
     */
    public static Machine of(String name) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "h200" -> defaults();
            case "h100" -> {
                Machine m = defaults();
                // Bandwidths of the data sheets: 3.35 and 4.8 TB/s.
                double slower = Math.rint(m.bandwidth * 3.35 / 4.8);
                yield new Machine(
                        m.gpus,
                        78,
                        m.reserved,
                        m.hostMemory,
                        m.products,
                        slower,
                        m.forward64,
                        m.backward64,
                        m.forward128,
                        m.backward128,
                        m.nodeLink,
                        m.networkLink,
                        m.hostLink,
                        m.latency);
            }
            default ->
                throw new InvalidArgumentException(
                        "machine \"%s\" is not known; use %s and change it with --set machine.KEY=VALUE",
                        name, String.join(" or ", NAMES));
        };
    }

    /** Operations a second of attention's forward or backward pass; kernels fill heads up to 64 or 128 features. */
    double attention(int headDim, boolean backward) {
        return headDim <= 64
                ? 1e12 * headDim / 64 * (backward ? backward64 : forward64)
                : 1e12 * headDim / WIDEST_HEAD * (backward ? backward128 : forward128);
    }
}
