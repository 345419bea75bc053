package dev.longnet.tensor;

import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.StandardOpenOption;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.bytedeco.pytorch.global.torch;

/**
 * The first load of native code. JavaCPP unpacks it from jars into a folder, and a process that maps a file there while
 * another writes it is killed (SIGBUS); so one process of the machine unpacks at a time, and one thread of it.
 *
 * <p>{@link Tensors}, {@link Compute} and {@link Scope} load before their first use; a program that touches libtorch before
 * them calls {@link #load()}.
 */
public final class Natives {
    private static final String LOCK = "longnet.lock";
    private static boolean loaded;

    private Natives() {}

    /** Loads libtorch, once. What cannot be loaded is reported by the first call that needs it. */
    public static synchronized void load() {
        if (!loaded) {
            loaded = true;
            try {
                load(torch.class, openblas_nolapack.class);
            } catch (LinkageError e) {
                // the call that needs it throws the same with its own place
            }
        }
    }

    /**
     * Loads the code behind these bindings.
     *
     * @throws LinkageError if some of it cannot be loaded
     */
    static synchronized void load(Class<?>... bindings) {
        try (FileChannel channel = channel();
                FileLock lock = channel.lock()) {
            loadAll(bindings);
        } catch (IOException e) {
            // A file system without locks: nothing keeps others away, and a cache that is filled needs nothing to.
            loadAll(bindings);
        }
    }

    private static void loadAll(Class<?>[] bindings) {
        for (Class<?> each : bindings) { // JavaCPP's own loop logs on standard error
            Loader.load(each);
        }
    }

    private static FileChannel channel() throws IOException {
        return FileChannel.open(
                new File(Loader.getCacheDir(), LOCK).toPath(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }
}
