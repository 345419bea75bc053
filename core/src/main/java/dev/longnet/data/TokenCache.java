package dev.longnet.data;

import dev.longnet.io.FileErrors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;

/** The token files of one corpus under one configuration, named by a hash of everything they depend on. */
final class TokenCache {
    private final Path folder;
    private final DataConfig config;
    private final Corpus corpus;
    private final String key;

    TokenCache(Path folder, DataConfig config) {
        this.folder = folder;
        this.config = config;
        corpus = Corpus.open(config);
        key = key(config, corpus);
    }

    Path file(Split split) {
        return folder.resolve(key + "-" + split.label() + ".tokens");
    }

    private static String key(DataConfig config, Corpus corpus) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            // Everything but the sources, whose files follow.
            digest.update(config.withSources(List.of()).toString().getBytes(StandardCharsets.UTF_8));
            for (Source source : corpus.sources()) {
                digest.update(("\n" + source).getBytes(StandardCharsets.UTF_8));
            }
            return HexFormat.of().formatHex(Arrays.copyOf(digest.digest(), 16));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Writes the files of both parts in one pass, or two where chance leaves one part empty. */
    void build(Progress progress) {
        Division byName = new Division(config);
        if (!write(byName, progress)) {
            write(byName.balanced(), progress);
        }
    }

    /** Whether the division left both parts something, so that the files took their place. */
    private boolean write(Division division, Progress progress) {
        Tokenizer tokenizer = Tokenizer.of(config.tokenizer());
        Path writing = file(Split.TRAIN);
        try (TokenWriter train = new TokenWriter(file(Split.TRAIN), tokenizer.vocabulary());
                TokenWriter heldOut = new TokenWriter(file(Split.HELD_OUT), tokenizer.vocabulary())) {
            Consumer<Document> visitor =
                    division.visitor((split, name, text) -> (split == Split.TRAIN ? train : heldOut)
                            .add(name, tokenizer.encode(text), tokenizer.endOfDocument()));
            Corpus.Summary summary = corpus.forEach(visitor, progress);
            if (!division.accepts(train.documents(), heldOut.documents())) {
                return false;
            }
            train.commit(summary);
            writing = file(Split.HELD_OUT);
            heldOut.commit(summary);
            return true;
        } catch (IOException e) {
            throw FileErrors.writing(writing, e);
        } catch (UncheckedIOException e) {
            throw FileErrors.writing(writing, e.getCause());
        }
    }
}
