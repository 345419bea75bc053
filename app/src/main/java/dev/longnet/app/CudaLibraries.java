package dev.longnet.app;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Looks for the libraries of NVIDIA that libtorch for CUDA links to and that come from the system. */
final class CudaLibraries {
    private static final List<String> USUAL_FOLDERS = List.of(
            "/usr/local/cuda/lib64",
            "/usr/local/cuda/extras/CUPTI/lib64",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib64",
            "/usr/lib/aarch64-linux-gnu");
    private static final Path CONFIGURED_FOLDERS = Path.of("/etc/ld.so.conf.d");

    /** What a part of CUDA is called, its libraries, and the packages of pip that hold them. */
    private record Part(String name, List<String> files, String product, String packages) {}

    private static final List<Part> PARTS = List.of(
            new Part(
                    "cuda",
                    List.of(
                            "libcudart.so.13",
                            "libcupti.so.13",
                            "libcublas.so.13",
                            "libcufft.so.12",
                            "libcurand.so.10",
                            "libcusolver.so.12",
                            "libcusparse.so.12",
                            "libcufile.so.0"),
                    "the CUDA 13 toolkit",
                    "nvidia-cuda-runtime nvidia-cuda-cupti nvidia-cublas nvidia-cufft nvidia-curand nvidia-cusolver"
                            + " nvidia-cusparse nvidia-cufile"),
            new Part("nvrtc", List.of("libnvrtc.so.13"), "NVRTC of the CUDA 13 toolkit", "nvidia-cuda-nvrtc"),
            new Part("cudnn", List.of("libcudnn.so.9"), "cuDNN 9 for CUDA 13", "nvidia-cudnn-cu13"),
            new Part("nccl", List.of("libnccl.so.2"), "NCCL 2 for CUDA 13", "nvidia-nccl-cu13"));

    private final List<Path> folders = new ArrayList<>();

    CudaLibraries(Map<String, String> environment) {
        String all = environment.getOrDefault("LD_LIBRARY_PATH", "")
                + File.pathSeparator
                + System.getProperty("java.library.path", "");
        for (String folder : all.split(File.pathSeparator)) {
            if (!folder.isBlank()) {
                folders.add(Path.of(folder));
            }
        }
        USUAL_FOLDERS.forEach(folder -> folders.add(Path.of(folder)));
        folders.addAll(configured());
    }

    List<Finding> findings() {
        return PARTS.stream().map(this::finding).toList();
    }

    private Finding finding(Part part) {
        List<String> missing =
                part.files.stream().filter(file -> folder(file) == null).toList();
        return missing.isEmpty()
                ? Finding.ok(part.name, "in " + folder(part.files.get(0)))
                : Finding.missing(
                        part.name,
                        "not found: " + String.join(", ", missing),
                        "install " + part.product + " (pip install " + part.packages
                                + ") and name the folders in LD_LIBRARY_PATH");
    }

    private Path folder(String file) {
        return folders.stream()
                .filter(folder -> Files.exists(folder.resolve(file)))
                .findFirst()
                .orElse(null);
    }

    /** The folders that this system's loader is told of. */
    private static List<Path> configured() {
        List<Path> found = new ArrayList<>();
        try (var files = Files.newDirectoryStream(CONFIGURED_FOLDERS, "*.conf")) {
            for (Path file : files) {
                try (var lines = Files.lines(file)) {
                    lines.filter(line -> line.startsWith("/")).forEach(line -> found.add(Path.of(line.strip())));
                }
            }
        } catch (IOException | UncheckedIOException e) {
            return found; // nothing is configured, or none of our business
        }
        return found;
    }
}
