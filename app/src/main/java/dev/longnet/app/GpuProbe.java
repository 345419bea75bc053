package dev.longnet.app;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Looks for NVIDIA GPUs: the kernel's driver, the cards, and the libraries that libtorch's CUDA natives link to. */
final class GpuProbe {
    private static final List<String> LIBRARIES =
            List.of("libcudart.so.13", "libcublas.so.13", "libcudnn.so.9", "libnccl.so.2");
    private static final List<String> USUAL_FOLDERS =
            List.of("/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/aarch64-linux-gnu");
    private static final int WAIT_SECONDS = 5;

    private final Path driver;
    private final List<Path> folders;

    GpuProbe(Path driver, Map<String, String> environment) {
        this.driver = driver;
        this.folders = folders(environment.getOrDefault("LD_LIBRARY_PATH", ""));
    }

    List<Finding> findings() {
        if (!Files.isReadable(driver)) {
            return List.of(
                    Finding.missing("gpu driver", "none", "only needed to use an NVIDIA GPU: install NVIDIA's driver"),
                    Finding.ok("cuda libraries", "not needed without a GPU"));
        }
        return List.of(Finding.ok("gpu driver", version()), cards(), libraries());
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
            Process process = new ProcessBuilder("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
                    .redirectErrorStream(true)
                    .start();
            if (!process.waitFor(WAIT_SECONDS, TimeUnit.SECONDS)) {
                process.destroy();
                return Finding.warn("gpu", "nvidia-smi does not answer", advice);
            }
            String text = new String(process.getInputStream().readAllBytes()).strip();
            String cards = String.join("; ", text.lines().toList());
            return process.exitValue() == 0 ? Finding.ok("gpu", cards) : Finding.warn("gpu", cards, advice);
        } catch (IOException e) {
            return Finding.warn("gpu", "nvidia-smi is not installed", advice);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Finding.warn("gpu", "interrupted", advice);
        }
    }

    Finding libraries() {
        List<String> missing = LIBRARIES.stream()
                .filter(name -> folders.stream().noneMatch(folder -> Files.exists(folder.resolve(name))))
                .toList();
        return missing.isEmpty()
                ? Finding.ok("cuda libraries", String.join(", ", LIBRARIES))
                : Finding.missing(
                        "cuda libraries",
                        "not found: " + String.join(", ", missing),
                        "install CUDA 13, cuDNN 9 and NCCL 2, and name their folders in LD_LIBRARY_PATH");
    }

    private static List<Path> folders(String libraryPath) {
        List<Path> folders = new ArrayList<>();
        String all = libraryPath + File.pathSeparator + System.getProperty("java.library.path", "");
        for (String folder : all.split(File.pathSeparator)) {
            if (!folder.isBlank()) {
                folders.add(Path.of(folder));
            }
        }
        USUAL_FOLDERS.forEach(folder -> folders.add(Path.of(folder)));
        return folders;
    }
}
