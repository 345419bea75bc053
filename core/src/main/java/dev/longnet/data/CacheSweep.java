package dev.longnet.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;

/**
 * Removes from a cache folder the token files that nobody opened for {@value #DAYS} days and what interrupted writers
 * left a day ago. The time of a token file is that of its last use. A process that has a removed file mapped keeps it;
 * where the system forbids removal, the file stays.
 */
final class CacheSweep {
    static final int DAYS = 30;

    private static final String TOKENS = "[0-9a-f]{32}-[a-z-]+\\.tokens";

    private CacheSweep() {}

    static void used(Path file) {
        try {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
        } catch (IOException e) {
            // Somebody else's file: it lives as long as it does for its owner.
        }
    }

    static void sweep(Path folder) {
        Instant now = Instant.now();
        for (Path file : files(folder)) {
            String name = file.getFileName().toString();
            if (name.matches(TOKENS)) {
                removeBefore(now.minus(Duration.ofDays(DAYS)), file);
            } else if (name.matches("\\." + TOKENS + "\\.[0-9a-f]+\\.tmp")) {
                removeBefore(now.minus(Duration.ofDays(1)), file);
            }
        }
    }

    private static List<Path> files(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    private static void removeBefore(Instant limit, Path file) {
        try {
            if (Files.getLastModifiedTime(file).toInstant().isBefore(limit)) {
                Files.delete(file);
            }
        } catch (IOException e) {
            // In use, or removed by another process: the next sweep comes.
        }
    }
}
