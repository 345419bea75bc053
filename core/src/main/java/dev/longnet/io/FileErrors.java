package dev.longnet.io;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/** Failures of the file system as one sentence for the user. */
public final class FileErrors {
    private FileErrors() {}

    /** The error for {@code file} that could not be read. */
    public static LongNetException reading(Path file, IOException cause) {
        return new LongNetException(cause, "cannot read %s: %s", file, reason(cause));
    }

    /** The error for {@code file} that could not be written; what was there before is untouched. */
    public static LongNetException writing(Path file, IOException cause) {
        return new LongNetException(cause, "cannot write %s: %s", file, reason(cause));
    }

    /** Why the file system refused, without the exception's name. */
    public static String reason(IOException cause) {
        if (cause instanceof NoSuchFileException) {
            return "it does not exist";
        }
        if (cause instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (cause instanceof NotDirectoryException) {
            return "it is not a folder";
        }
        if (cause instanceof FileAlreadyExistsException obstacle) {
            return obstacle.getFile() + " is in the way";
        }
        if (cause instanceof CharacterCodingException) {
            return "it is not UTF-8 text";
        }
        if (cause instanceof ClosedChannelException) {
            return "it was closed while in use";
        }
        if (cause instanceof FileSystemException failure && failure.getReason() != null) {
            return failure.getReason();
        }
        return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    }
}
