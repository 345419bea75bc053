package dev.longnet.data;

import java.nio.file.Path;

/**
 * A file that a corpus reads, with what tells whether it changed.
 *
 * @param path where it lies, absolute
 * @param size its length in bytes
 * @param modified when it was last written, in microseconds since 1970
 */
public record InputFile(Path path, long size, long modified) {}
