package dev.longnet.io;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file written beside its target that takes the target's place all at once.
 *
 * <p>The bytes go to a hidden temporary file in the target's folder. {@link #commit} forces them to the disk and
 * renames the file over the target; {@link #close} without a commit removes it. A reader, or a machine that loses
 * power, sees the old file or the new one, never a part.
 *
 * <p>As far as it can, this looks like writing the target itself: a symbolic link stays and the file it leads to is
 * replaced, permissions of the old file pass to the new one, and a write-protected file is refused.
 */
public final class AtomicFile implements Closeable {
    private final Path target;
    private final Path temporary;
    private final FileChannel channel;
    private boolean committed;

    /** Starts a new version of {@code target}; missing parent folders are made. */
    public AtomicFile(Path target) throws IOException {
        boolean replaces = Files.exists(target);
        if (replaces) {
            requireReplaceable(target);
        }
        this.target = replaces ? target.toRealPath() : target.toAbsolutePath();
        Path folder = this.target.getParent();
        createFolder(folder);
        // Not Files.createTempFile: its files are readable by their owner only, whatever the user's mask says.
        String unique = Long.toHexString(ThreadLocalRandom.current().nextLong());
        temporary = folder.resolve("." + this.target.getFileName() + "." + unique + ".tmp");
        channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        if (replaces) {
            try {
                copyPermissions(this.target, temporary);
            } catch (IOException e) {
                close();
                throw e;
            }
        }
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

    /** Makes a folder and its missing parents. */
    static void createFolder(Path folder) throws IOException {
        // Asked first: Java before 20 takes a link to a folder for a file in the way.
        if (!Files.isDirectory(folder)) {
            Files.createDirectories(folder);
        }
    }

    private static void requireReplaceable(Path target) throws IOException {
        if (Files.isDirectory(target)) {
            throw new IOException("it is a folder");
        }
        if (!Files.isRegularFile(target)) {
            throw new IOException("it is a device or a pipe, and only a regular file can be replaced");
        }
        if (!Files.isWritable(target)) {
            throw new AccessDeniedException(target.toString());
        }
    }

    private static void copyPermissions(Path from, Path to) throws IOException {
        PosixFileAttributeView source = Files.getFileAttributeView(from, PosixFileAttributeView.class);
        if (source == null) {
            return; // Not a POSIX system: the folder's rules hold for both.
        }
        Set<PosixFilePermission> permissions = source.readAttributes().permissions();
        if (!permissions.equals(Files.getPosixFilePermissions(to))) {
            Files.setPosixFilePermissions(to, permissions);
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
