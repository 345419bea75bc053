package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.app.bench.Measurement;
import dev.longnet.ranks.Mesh;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What all benchmarks have in common: where they run and how their results are shown; use as a {@link Mixin}. */
final class BenchOptions {
    @Option(
            names = "--kernel",
            paramLabel = "NAME",
            defaultValue = "auto",
            description = "Attention kernel: auto, reference, aten or hopper (default: ${DEFAULT-VALUE}).")
    private String kernel;

    @Mixin
    private DeviceOptions device;

    private final List<Measurement> results = new ArrayList<>();

    String kernel() {
        return kernel;
    }

    String device() {
        return device.name();
    }

    /** Whether the device is an NVIDIA GPU. */
    boolean onGpu() {
        return Compute.device(device.name()).is_cuda();
    }

    /** Name of the device that this rank computes on. */
    String device(Mesh mesh) {
        return mesh.device() == null ? device.name() : Tensors.deviceName(mesh.device());
    }

    /** Sets the threads; call before the first tensor. */
    void apply(Mesh mesh) {
        Compute.threads(mesh.threads(device.threads()));
    }

    static void check(List<Long> lengths) {
        for (long length : lengths) {
            requireArgument(length > 0, "lengths must be positive, got %d", length);
        }
    }

    /** Takes one measurement, says so while it runs, and writes it as JSON when asked for. */
    void take(Output output, String what, Supplier<Measurement> measure) {
        output.note("measuring %s ...", what);
        Measurement measurement = measure.get();
        results.add(measurement);
        output.json(measurement);
    }

    /** Shows people what was measured. */
    void show(Output output, String heading, String lengthTitle, String timeTitle) {
        if (output.json()) {
            return;
        }
        output.say("%s", heading);
        Table table = new Table(
                lengthTitle,
                "direction",
                timeTitle,
                "tokens/s",
                "TFLOP/s",
                "peak memory",
                "memory/token",
                "sent",
                "formula");
        for (Measurement m : results) {
            table.row(
                    m.length(),
                    m.direction(),
                    String.format(Locale.ROOT, m.milliseconds() < 100 ? "%.2f" : "%.0f", m.milliseconds()),
                    String.format(Locale.ROOT, "%.0f", m.tokensPerSecond()),
                    String.format(Locale.ROOT, "%.4f", m.tflops()),
                    m.peakBytes() == null ? "-" : Human.bytes(m.peakBytes()),
                    m.peakBytes() == null ? "-" : Human.bytes((double) m.peakBytes() / m.length() / m.batch()),
                    m.sentBytes() == null ? "-" : Human.bytes(m.sentBytes()),
                    m.formulaBytes() == null ? "-" : Human.bytes(m.formulaBytes()));
        }
        output.say(table);
    }

    /** Where it ran, for a heading. */
    String place() {
        Measurement any = results.get(0);
        return String.format(
                Locale.ROOT,
                "kernel %s on %s%s, %d %s",
                any.kernel(),
                any.ranks() == 1 ? "" : any.ranks() + " ranks, the first on ",
                any.device(),
                Compute.threads(),
                Compute.threads() == 1 ? "thread" : "threads");
    }
}
