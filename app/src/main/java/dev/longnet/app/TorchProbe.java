package dev.longnet.app;

import dev.longnet.LongNetException;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gpu;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;

/** Loads libtorch and asks it what it is; the only class of the doctor that touches it. */
final class TorchProbe {
    private TorchProbe() {}

    /**
     * What libtorch says, or one finding that it is missing; throws nothing.
     *
     * @param gpu whether there is an NVIDIA GPU
     */
    static List<Finding> findings(boolean gpu) {
        long start = System.nanoTime();
        try (PointerScope scope = new PointerScope()) {
            Compute.threads(0);
            long millis = (System.nanoTime() - start) / 1_000_000;
            return List.of(
                    Finding.ok("libtorch", version() + ", loaded in " + millis + " ms"),
                    Finding.ok("libtorch kernels", text(torch.get_cpu_capability())),
                    Finding.ok("libtorch threads", torch.get_num_threads() + " (train.threads sets another number)"),
                    cuda(gpu));
        } catch (LinkageError | RuntimeException e) {
            String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            return List.of(Finding.missing(
                    "libtorch",
                    "cannot be loaded: " + reason,
                    "its natives exist for Linux and Windows on x86-64 and macOS on arm64; delete ~/.javacpp/cache and"
                            + " build again if they are damaged"));
        }
    }

    private static Finding cuda(boolean gpu) {
        if (!torch.cuda_is_available()) {
            String none = "none: device auto is cpu";
            return gpu
                    ? Finding.warn(
                            "libtorch gpu",
                            none,
                            "once nothing of cuda is missing below, ./longnet builds with libtorch for CUDA by itself"
                                    + " (mvn -Pcuda does without it)")
                    : Finding.ok("libtorch gpu", none);
        }
        try {
            List<String> gpus = new ArrayList<>();
            for (int i = 0; i < torch.cuda_device_count(); i++) {
                Gpu found = Gpu.of(Compute.device("cuda:" + i));
                gpus.add("cuda:" + i + " " + found.name() + ", compute capability " + found.capability());
            }
            return Finding.ok("libtorch gpu", String.join("; ", gpus));
        } catch (LongNetException e) {
            return Finding.warn("libtorch gpu", "cuda, but " + e.getMessage(), "build with mvn -Pcuda");
        }
    }

    /** The version of the binding, which begins with that of libtorch. */
    static String version() {
        try {
            return Loader.getVersion("org.bytedeco", "pytorch");
        } catch (IOException e) {
            return "unknown";
        }
    }

    private static String text(BytePointer pointer) {
        return pointer.getString();
    }
}
