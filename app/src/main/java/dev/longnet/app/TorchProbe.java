package dev.longnet.app;

import dev.longnet.tensor.Compute;
import java.io.IOException;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;

/** Loads libtorch and asks it what it is; the only class of the doctor that touches it. */
final class TorchProbe {
    private TorchProbe() {}

    /** What libtorch says, or one finding that it is missing; throws nothing. */
    static List<Finding> findings() {
        long start = System.nanoTime();
        try (PointerScope scope = new PointerScope()) {
            Compute.threads(0);
            long millis = (System.nanoTime() - start) / 1_000_000;
            return List.of(
                    Finding.ok("libtorch", version() + ", loaded in " + millis + " ms"),
                    Finding.ok("libtorch kernels", text(torch.get_cpu_capability())),
                    Finding.ok("libtorch threads", torch.get_num_threads() + " (train.threads sets another number)"),
                    cuda());
        } catch (LinkageError | RuntimeException e) {
            String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            return List.of(Finding.missing(
                    "libtorch",
                    "cannot be loaded: " + reason,
                    "its natives exist for Linux and Windows on x86-64 and macOS on arm64; delete ~/.javacpp/cache and"
                            + " build again if they are damaged"));
        }
    }

    private static Finding cuda() {
        return torch.cuda_is_available()
                ? Finding.ok("libtorch gpu", "cuda, " + torch.cuda_device_count() + " device(s)")
                : Finding.ok("libtorch gpu", "none: device auto is cpu");
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
