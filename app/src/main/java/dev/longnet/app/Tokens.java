package dev.longnet.app;

import dev.longnet.data.DataConfig;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.io.CacheFolder;

/** The token files, kept between runs in the cache folder. */
final class Tokens {
    private Tokens() {}

    /** Opens the tokens of a configuration; the first time they are made, with a bar. */
    static TokenFile open(DataConfig config, Split split, Output output) {
        try (LateBar bar = new LateBar(output, "read")) {
            return TokenFile.open(CacheFolder.of("tokens"), config, split, bar::update);
        }
    }
}
