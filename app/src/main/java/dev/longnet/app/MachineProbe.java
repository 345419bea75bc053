package dev.longnet.app;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Looks at the machine and the JVM, without libtorch. */
final class MachineProbe {
    private static final long GIB = 1L << 30;

    /** Room that the unpacked natives and a first checkpoint need. */
    private static final long DISK = GIB;

    private final Cpu cpu;
    private final Map<String, String> environment;

    MachineProbe(Cpu cpu, Map<String, String> environment) {
        this.cpu = cpu;
        this.environment = environment;
    }

    List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.ok(
                "system",
                System.getProperty("os.name") + " " + System.getProperty("os.version") + " "
                        + System.getProperty("os.arch")));
        findings.add(Finding.ok("cpu", cpu.model()));
        findings.add(features());
        findings.add(Finding.ok("cores", String.valueOf(Runtime.getRuntime().availableProcessors())));
        findings.add(memory());
        findings.add(Finding.ok(
                "java",
                Runtime.version() + " (" + System.getProperty("java.vendor") + "), heap up to "
                        + Human.bytes(Runtime.getRuntime().maxMemory())));
        findings.add(memoryLimit());
        findings.add(openBlas());
        findings.add(openMp());
        findings.add(disk());
        return findings;
    }

    Finding features() {
        if (cpu.flags().isEmpty()) {
            return Finding.ok("cpu features", "not listed by this system");
        }
        List<String> found = Cpu.FEATURES.stream().filter(cpu.flags()::contains).toList();
        String value = found.isEmpty() ? "none of " + String.join(", ", Cpu.FEATURES) : String.join(", ", found);
        if (!cpu.flags().contains("avx2") && System.getProperty("os.arch").equals("amd64")) {
            return Finding.warn(
                    "cpu features", value, "without avx2 training is several times slower; use a newer machine");
        }
        return cpu.bfloat16()
                ? Finding.ok("cpu features", value)
                : new Finding(
                        "cpu features",
                        value,
                        Finding.State.OK,
                        "no bfloat16 matrix products on this CPU: leave train.precision=auto");
    }

    private static Finding memory() {
        var system = ManagementFactory.getOperatingSystemMXBean();
        if (!(system instanceof OperatingSystemMXBean machine)) {
            return Finding.ok("memory", "not told by this JVM");
        }
        long total = machine.getTotalMemorySize();
        String value = Human.bytes(total) + ", " + Human.bytes(machine.getFreeMemorySize()) + " free";
        return total >= 4 * GIB
                ? Finding.ok("memory", value)
                : Finding.warn("memory", value, "the quickstart wants 4 GiB; set a shorter train.length");
    }

    /** JavaCPP by default counts mapped files as its own memory and then refuses to allocate. */
    private static Finding memoryLimit() {
        boolean off = "0".equals(System.getProperty("org.bytedeco.javacpp.maxPhysicalBytes"))
                && "0".equals(System.getProperty("org.bytedeco.javacpp.maxBytes"));
        return off
                ? Finding.ok("jvm flags", "native memory is not limited by JavaCPP")
                : Finding.warn(
                        "jvm flags",
                        "JavaCPP limits native memory",
                        "start with ./longnet, or add -Dorg.bytedeco.javacpp.maxPhysicalBytes=0"
                                + " -Dorg.bytedeco.javacpp.maxBytes=0");
    }

    Finding openBlas() {
        String coreType = environment.get("OPENBLAS_CORETYPE");
        if (coreType == null) {
            return Finding.ok("OPENBLAS_CORETYPE", "not set");
        }
        return cpu.slowedBy(coreType)
                ? Finding.warn(
                        "OPENBLAS_CORETYPE",
                        coreType,
                        "slower than this CPU can: unset OPENBLAS_CORETYPE to let OpenBLAS choose")
                : Finding.ok("OPENBLAS_CORETYPE", coreType);
    }

    Finding openMp() {
        String threads = environment.get("OMP_NUM_THREADS");
        int cores = Runtime.getRuntime().availableProcessors();
        if (threads == null) {
            return Finding.ok("OMP_NUM_THREADS", "not set");
        }
        return threads.equals(String.valueOf(cores))
                ? Finding.ok("OMP_NUM_THREADS", threads)
                : Finding.warn(
                        "OMP_NUM_THREADS",
                        threads,
                        "this machine has " + cores + " cores; unset it or use train.threads");
    }

    private static Finding disk() {
        String cache = System.getProperty("org.bytedeco.javacpp.cachedir");
        Path folder = cache != null ? Path.of(cache) : Path.of(System.getProperty("user.home"), ".javacpp", "cache");
        Path existing = folder.toAbsolutePath();
        while (existing.getParent() != null && !Files.isDirectory(existing)) {
            existing = existing.getParent();
        }
        try {
            long free = Files.getFileStore(existing).getUsableSpace();
            String value = Human.bytes(free) + " free for " + folder;
            if (!Files.isWritable(existing)) {
                return Finding.warn(
                        "disk",
                        folder + " cannot be written",
                        "set -Dorg.bytedeco.javacpp.cachedir=FOLDER in LONGNET_JAVA_OPTS");
            }
            return free >= DISK
                    ? Finding.ok("disk", value)
                    : Finding.warn(
                            "disk",
                            value,
                            "libtorch is unpacked there: free 1 GiB or move it with"
                                    + " -Dorg.bytedeco.javacpp.cachedir=FOLDER in LONGNET_JAVA_OPTS");
        } catch (IOException e) {
            return Finding.warn("disk", folder + " cannot be looked at", "check that the folder can be written");
        }
    }
}
