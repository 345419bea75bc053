package dev.longnet.tensor;

import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
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
    private static final Set<Class<?>> LOADED = ConcurrentHashMap.newKeySet();

    private Natives() {}

    /**
     * Loads libtorch, once.
     *
     * @throws LinkageError if it cannot be loaded
     */
    public static void load() {
        load(torch.class);
        load(openblas_nolapack.class);
    }

    /** Loads the code behind these bindings, once. */
    static void load(Class<?> bindings) {
        if (!LOADED.contains(bindings)) {
            unpack(bindings);
            LOADED.add(bindings);
        }
    }

    private static synchronized void unpack(Class<?> bindings) {
        try (FileChannel channel = channel();
                FileLock lock = channel.lock()) {
            Loader.load(bindings);
        } catch (IOException e) {
            // A file system without locks: nothing keeps others away, and a cache that is filled needs nothing to.
            Loader.load(bindings);
        }
    }

    private static FileChannel channel() throws IOException {
        return FileChannel.open(
                new File(Loader.getCacheDir(), LOCK).toPath(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }
}
