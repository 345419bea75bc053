package dev.longnet.train;

import dev.longnet.LongNetException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;

/**
 * Keeps a second process out of a run folder. The system lets go of it when its process ends, however that happens; the
 * empty file stays. On a file system that has no locks nobody is kept out.
 */
final class RunLock implements Closeable {
    /** Null where the file system has no locks. */
    private final FileChannel channel;

    private RunLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Takes the lock of a run folder; makes the folder if it is missing.
     *
     * @throws LongNetException if another process, or another run of this one, has it
     */
    static RunLock take(RunFolder run) {
        FileChannel channel = null;
        boolean free;
        try {
            if (!Files.isDirectory(run.path())) {
                Files.createDirectories(run.path());
            }
            channel = FileChannel.open(run.lock(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            free = channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            free = false;
        } catch (IOException e) {
            // No locks here, or a folder that cannot be written, which the first file of the run will say.
            free = true;
        }
        if (free) {
            return new RunLock(channel);
        }
        close(channel);
        throw new LongNetException(
                "another process is training in %s; wait until it ends, or choose another --out", run.path());
    }

    @Override
    public void close() {
        close(channel);
    }

    private static void close(FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // Nothing was written through it.
        }
    }
}
