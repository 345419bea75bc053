package dev.longnet.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Looks for NVIDIA GPUs: the kernel's driver, the cards, and the libraries that libtorch for CUDA links to. */
final class GpuProbe {
    private static final int WAIT_SECONDS = 5;

    private final Path driver;
    private final Path card;
    private final CudaLibraries libraries;

    /**
     * @param driver file in which the driver names itself
     * @param card device file of the first GPU
     */
    GpuProbe(Path driver, Path card, Map<String, String> environment) {
        this.driver = driver;
        this.card = card;
        libraries = new CudaLibraries(environment);
    }

    /** Whether there is a driver or a card. */
    boolean found() {
        return Files.isReadable(driver) || Files.exists(card);
    }

    List<Finding> findings() {
        if (!found()) {
            return List.of(
                    Finding.missing("gpu driver", "none", "only needed to use an NVIDIA GPU: install NVIDIA's driver"),
                    Finding.ok("cuda libraries", "not needed without a GPU"));
        }
        List<Finding> findings = new ArrayList<>(List.of(Finding.ok("gpu driver", version()), cards()));
        findings.addAll(libraries.findings());
        return findings;
    }

    private String version() {
        try (var lines = Files.lines(driver)) {
            return lines.findFirst().orElse("unknown version").replaceAll("\\s+", " ");
        } catch (IOException e) {
            return "unknown version";
        }
    }

    private static Finding cards() {
        String advice = "check that nvidia-smi runs and shows the card";
        try {
            Process process = new ProcessBuilder(
                            "nvidia-smi",
                            "--query-gpu=name,memory.total,compute_cap,driver_version",
                            "--format=csv,noheader")
                    .redirectErrorStream(true)
                    .start();
            if (!process.waitFor(WAIT_SECONDS, TimeUnit.SECONDS)) {
                process.destroy();
                return Finding.warn("gpu", "nvidia-smi does not answer", advice);
            }
            String text = new String(process.getInputStream().readAllBytes()).strip();
            String cards = String.join("; ", text.lines().map(GpuProbe::card).toList());
            return process.exitValue() == 0 ? Finding.ok("gpu", cards) : Finding.warn("gpu", cards, advice);
        } catch (IOException e) {
            return Finding.warn("gpu", "nvidia-smi is not installed", advice);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Finding.warn("gpu", "interrupted", advice);
        }
    }

    /** "NVIDIA H200, 143771 MiB, 9.0, 580.159.03" in words. */
    static String card(String line) {
        String[] part = line.split(", ");
        return part.length < 4
                ? line
                : part[0] + ", " + part[1] + ", compute capability " + part[2] + ", driver " + part[3];
    }
}
