package dev.longnet.app;

import dev.longnet.data.DataConfig;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import java.nio.file.Path;

/** The token files, kept between runs in LONGNET_CACHE or else in the user's cache folder. */
final class Tokens {
    private Tokens() {}

    /** Opens the tokens of a configuration; the first time they are made, with a bar. */
    static TokenFile open(DataConfig config, Split split, Output output) {
        try (LateBar bar = new LateBar(output, "read")) {
            return TokenFile.open(folder(), config, split, bar::update);
        }
    }

    private static Path folder() {
        String own = System.getenv("LONGNET_CACHE");
        if (own != null && !own.isBlank()) {
            return Path.of(own, "tokens");
        }
        String cache = System.getenv("XDG_CACHE_HOME");
        Path base =
                cache != null && !cache.isBlank() ? Path.of(cache) : Path.of(System.getProperty("user.home"), ".cache");
        return base.resolve("longnet").resolve("tokens");
    }
}
