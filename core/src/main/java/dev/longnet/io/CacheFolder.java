package dev.longnet.io;

import java.nio.file.Path;

/** Where things are kept that can be made again: in LONGNET_CACHE, or else in the user's cache folder. */
public final class CacheFolder {
    private CacheFolder() {}

    /**
     * The folder of one kind of thing; it need not exist.
     *
     * @param kind its name, such as tokens
     */
    public static Path of(String kind) {
        String own = System.getenv("LONGNET_CACHE");
        if (own != null && !own.isBlank()) {
            return Path.of(own, kind);
        }
        String cache = System.getenv("XDG_CACHE_HOME");
        Path base =
                cache != null && !cache.isBlank() ? Path.of(cache) : Path.of(System.getProperty("user.home"), ".cache");
        return base.resolve("longnet").resolve(kind);
    }
}
