package dev.longnet.plan;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.InvalidArgumentException;
import dev.longnet.config.Doc;
import java.util.List;
import java.util.Locale;

/**
 * Machines of GPUs, all alike, joined by a network, or one machine that computes with its processor. Rates are what real runs reach, not what data sheets promise; those of
 * attention are for the pairs that the kernels compute, each once however many branches have it.
 */
@Doc("The machines: what a device of them reaches, and the links between devices")
public record Machine(
        @Doc("What computes: gpu in bfloat16, or cpu in float32, which is one device alone")
        Processor processor,

        @Doc("Devices of one machine, joined by the fast link")
        int gpus,

        @Doc(value = "Memory of a device", unit = "GiB") double memory,

        @Doc(value = "Memory of a device that the driver, libraries and fragments take", unit = "GiB")
        double reserved,

        @Doc(value = "Memory of a machine that may hold offloaded activations", unit = "GiB")
        double hostMemory,

        @Doc(value = "Matrix products in the numbers that they are taken in", unit = "TFLOP/s")
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
        double latency,

        @Doc(
                value = "Time that reading takes, beside what it computes, for a piece, a layer and a branch that began"
                        + " before the piece",
                unit = "µs")
        double joining,

        @Doc(
                value =
                        "Time that Java takes to launch a training step's work, a layer; a device that is done sooner waits",
                unit = "ms")
        double launching) {

    /** What computes. */
    public enum Processor {
        GPU,
        CPU
    }

    /** Names that {@link #of} takes. */
    public static final List<String> NAMES = List.of("h200", "h100", "cpu");

    /** Widest heads that rates were measured for. */
    static final int WIDEST_HEAD = 128;

    public Machine {
        requireArgument(processor != null, "processor must be named, gpu or cpu");
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
        requireArgument(
                joining >= 0 && Double.isFinite(joining),
                "joining must be a finite number of at least 0, got %s",
                joining);
        requireArgument(
                launching >= 0 && Double.isFinite(launching),
                "launching must be a finite number of at least 0, got %s",
                launching);
    }

    private static void positive(String name, double value) {
        requireArgument(value > 0 && Double.isFinite(value), "%s must be a finite number above 0, got %s", name, value);
    }

    /** {@code h200}. */
    public static Machine defaults() {
        return new Machine(Processor.GPU, 8, 139, 4, 2048, 560, 3600, 360, 350, 530, 410, 260, 40, 50, 28, 28, 3.8);
    }

    /**
     * A machine by name: {@code h200} (8 × H200, NVLink within, 400 Gb/s InfiniBand a GPU between), {@code h100}, the same
     * with 78 GiB of slower memory, or {@code cpu}, two cores with AVX-512 whose rates {@link #withProducts} and others set to those
     * of another.
     */
    public static Machine of(String name) {
        return switch (name.toLowerCase(Locale.ROOT)) {
            case "h200" -> defaults();
            // Bandwidths of the data sheets: 3.35 and 4.8 TB/s.
            case "h100" -> defaults().withMemory(78).withBandwidth(Math.rint(defaults().bandwidth * 3.35 / 4.8));
            case "cpu" -> new Machine(Processor.CPU, 1, 23, 1, 23, 0.25, 8, 0.2, 0.16, 0.3, 0.22, 1, 1, 1, 500, 300, 0);
            default ->
                throw new InvalidArgumentException(
                        "device \"%s\" is not known; use %s and change it with --set machine.KEY=VALUE",
                        name, String.join(" or ", NAMES));
        };
    }

    /** The same with devices of so many GiB; a CPU's are those of its machine. */
    public Machine withMemory(double gib) {
        double host = processor == Processor.CPU ? gib : hostMemory;
        return new Machine(
                processor,
                gpus,
                gib,
                Math.min(reserved, gib / 4),
                host,
                products,
                bandwidth,
                forward64,
                backward64,
                forward128,
                backward128,
                nodeLink,
                networkLink,
                hostLink,
                latency,
                joining,
                launching);
    }

    /** The same with another bandwidth in GB/s. */
    public Machine withBandwidth(double bandwidth) {
        return withRates(products, bandwidth, forward64, backward64, forward128, backward128);
    }

    /** The same with rates of attention in TFLOP/s with heads of D features, whatever D. */
    public Machine withAttention(int headDim, double forward, double backward) {
        double of64 = 64.0 / headDim, of128 = (double) WIDEST_HEAD / headDim;
        return withRates(products, bandwidth, forward * of64, backward * of64, forward * of128, backward * of128);
    }

    /** The same with another rate of matrix products in TFLOP/s. */
    public Machine withProducts(double products) {
        return withRates(products, bandwidth, forward64, backward64, forward128, backward128);
    }

    private Machine withRates(
            double products,
            double bandwidth,
            double forward64,
            double backward64,
            double forward128,
            double backward128) {
        return new Machine(
                processor,
                gpus,
                memory,
                reserved,
                hostMemory,
                products,
                bandwidth,
                forward64,
                backward64,
                forward128,
                backward128,
                nodeLink,
                networkLink,
                hostLink,
                latency,
                joining,
                launching);
    }

    /** Whether a processor computes. */
    public boolean cpu() {
        return processor == Processor.CPU;
    }

    /** Bytes of a number of an activation. */
    int bytes() {
        return cpu() ? Float.BYTES : Weights.BF16;
    }

    /** Bytes that a device's tensors may take. */
    double room() {
        return (memory - reserved) * (1L << 30);
    }

    /** Operations a second of attention's forward or backward pass; kernels fill heads up to 64 or 128 features. */
    double attention(int headDim, boolean backward) {
        return headDim <= 64
                ? 1e12 * headDim / 64 * (backward ? backward64 : forward64)
                : 1e12 * headDim / WIDEST_HEAD * (backward ? backward128 : forward128);
    }
}
