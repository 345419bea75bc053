package dev.longnet.io;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file written beside its target that takes the target's place all at once.
 *
 * <p>The bytes go to a hidden temporary file in the target's folder. {@link #commit} forces them to the disk and
 * renames the file over the target; {@link #close} without a commit removes it. A reader, or a machine that loses
 * power, sees the old file or the new one, never a part.
 */
public final class AtomicFile implements Closeable {
    private final Path target;
    private final Path temporary;
    private final FileChannel channel;
    private boolean committed;

    /** Starts a new version of {@code target}; missing parent folders are made. */
    public AtomicFile(Path target) throws IOException {
        this.target = target;
        Path folder = target.toAbsolutePath().getParent();
        if (folder == null || Files.isDirectory(target)) {
            throw new IOException("it is a folder");
        }
        if (!Files.isDirectory(folder)) {
            Files.createDirectories(folder);
        }
        // Not Files.createTempFile: its files are readable by their owner only, whatever the user's mask says.
        String unique = Long.toHexString(ThreadLocalRandom.current().nextLong());
        temporary = folder.resolve("." + target.getFileName() + "." + unique + ".tmp");
        channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    /** The new file, open for reading and writing. */
    public FileChannel channel() {
        return channel;
    }

    /** Puts the new file in the target's place. */
    public void commit() throws IOException {
        channel.force(true);
        channel.close();
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
        }
        committed = true;
        forceFolder();
    }

    /** Removes the temporary file unless it was committed. */
    @Override
    public void close() throws IOException {
        channel.close();
        if (!committed) {
            Files.deleteIfExists(temporary);
        }
    }

    /** A rename is durable once its folder is; systems that cannot open folders (Windows) do this by themselves. */
    private void forceFolder() {
        try (FileChannel folder = FileChannel.open(temporary.getParent(), StandardOpenOption.READ)) {
            folder.force(true);
        } catch (IOException e) {
            // The new file is complete and in place either way.
        }
    }
}
