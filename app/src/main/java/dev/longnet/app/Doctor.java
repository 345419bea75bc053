package dev.longnet.app;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code longnet doctor}: what this machine has, what is missing, and how to get it. */
@Command(
        name = "doctor",
        description =
                "Looks at the machine, Java, libtorch, threads and GPUs, and says what is missing and how to get it.",
        footer = {"", "Exit code 1 if something is missing that every command needs."})
final class Doctor implements Callable<Integer> {
    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() {
        Output output = options.output();
        Cpu cpu = Cpu.read(Path.of("/proc/cpuinfo"));
        List<Finding> findings = new ArrayList<>(new MachineProbe(cpu, System.getenv()).findings());
        GpuProbe gpu = new GpuProbe(Path.of("/proc/driver/nvidia/version"), Path.of("/dev/nvidia0"), System.getenv());
        List<Finding> libtorch = TorchProbe.findings(gpu.found());
        findings.addAll(libtorch);
        findings.addAll(gpu.findings());
        findings.forEach(output::json);
        if (!output.json()) {
            show(findings, output);
        }
        boolean unusable = libtorch.stream().anyMatch(finding -> finding.state() == Finding.State.MISSING);
        return unusable ? Failures.FAILED : 0;
    }

    private static void show(List<Finding> findings, Output output) {
        Table table = new Table("", "state", "found");
        findings.forEach(finding -> table.row(finding.what(), finding.state(), finding.value()));
        output.say(table);
        List<Finding> advised =
                findings.stream().filter(finding -> !finding.advice().isEmpty()).toList();
        if (!advised.isEmpty()) {
            output.say("");
        }
        advised.forEach(finding -> output.say("%s: %s", finding.what(), finding.advice()));
    }
}
