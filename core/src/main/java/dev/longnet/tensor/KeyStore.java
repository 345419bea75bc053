package dev.longnet.tensor;

import dev.longnet.LongNetException;
import java.time.Duration;
import org.bytedeco.javacpp.SizeTPointer;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;
import org.bytedeco.pytorch.global.torch_gloo;

/** Where the processes of a {@link ProcessGroup} leave their addresses for each other: one serves, the others connect. */
public final class KeyStore implements AutoCloseable {
    private static final int PORTS = 0xFFFF;

    private final TCPStore server; // kept and never passed on: libtorch would take it for its own
    private final Store store;

    private KeyStore(String host, int port, boolean serve, Duration limit) {
        Natives.load(torch_gloo.class);
        try (Scope scope = new Scope()) {
            TCPStoreOptions options = new TCPStoreOptions()
                    .port((short) port)
                    .isServer(serve)
                    .waitWorkers(false)
                    .numWorkers(new SizeTPointer(1).put(1))
                    .timeout(new Milliseconds(limit.toMillis()));
            server = Scope.own(new TCPStore(host, options));
            store = Scope.own(server.clone());
        } catch (RuntimeException e) {
            throw new LongNetException(e, "the ranks' store at %s:%d cannot be used: %s", host, port, e.getMessage());
        }
    }

    /**
     * Serves a store on a free port of this machine.
     *
     * @param limit longest wait for a key
     */
    public static KeyStore serve(Duration limit) {
        return new KeyStore("localhost", 0, true, limit);
    }

    /** Uses a store that another process serves. */
    public static KeyStore connect(String host, int port, Duration limit) {
        return new KeyStore(host, port, false, limit);
    }

    /** The port that it is served on. */
    public int port() {
        return server.getPort() & PORTS;
    }

    /** Its keys that begin with a word, over a connection of their own; belongs to the open scope. */
    Store part(String prefix) {
        return new PrefixStore(prefix, store).clone(); // a clone is counted by libtorch, what is made by new is not
    }

    @Override
    public void close() {
        store.close();
        server.close();
    }
}
