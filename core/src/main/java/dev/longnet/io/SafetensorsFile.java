package dev.longnet.io;

import static dev.longnet.Checks.requireArgument;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * Tensors stored by name in the safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes.
 *
 * <p>The header is checked in full when the file is opened ({@link SafetensorsHeader}), so whatever
 * {@link #entries} holds can be read. Nothing of the tensors is in memory until it is asked for.
 */
public final class SafetensorsFile implements AutoCloseable {
    private final Path path;
    private final FileChannel channel;
    private final SafetensorsHeader header;

    /**
     * Where a tensor lies.
     *
     * @param name its name
     * @param type type of its elements
     * @param shape its dimensions, row-major; empty for a scalar
     * @param begin first byte, counted from the end of the header
     * @param end byte after the last, counted from the end of the header
     */
    public record Entry(String name, ElementType type, long[] shape, long begin, long end) {
        public Entry {
            shape = shape.clone();
        }

        @Override
        public long[] shape() {
            return shape.clone();
        }

        /** Bytes the tensor takes, elements × bytes an element. */
        public long bytes() {
            return end - begin;
        }

        /** Number of elements, the product of the shape. */
        public long elements() {
            return bytes() / type.bytes();
        }
    }

    private SafetensorsFile(Path path, FileChannel channel, SafetensorsHeader header) {
        this.path = path;
        this.channel = channel;
        this.header = header;
    }

    /**
     * Opens a file and checks its header.
     *
     * @throws dev.longnet.LongNetException if it cannot be read or breaks a rule of the format
     */
    public static SafetensorsFile open(Path path) {
        FileChannel channel = null;
        try {
            if (Files.isDirectory(path)) {
                throw new IOException("it is a folder");
            }
            channel = FileChannel.open(path, StandardOpenOption.READ);
            SafetensorsFile file = new SafetensorsFile(path, channel, SafetensorsHeader.read(path, channel));
            channel = null;
            return file;
        } catch (IOException e) {
            throw FileErrors.reading(path, e);
        } finally {
            closeQuietly(channel);
        }
    }

    /** The file's path as it was opened. */
    public Path path() {
        return path;
    }

    /** The file's own notes ({@code __metadata__}); empty if there are none. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** All tensors by name, in the order of their bytes in the file. */
    public Map<String, Entry> entries() {
        return header.entries();
    }

    /**
     * Fills the rest of {@code destination} with a tensor's bytes, little-endian as they lie in the file. Tensors of
     * more than 2 GB are read in pieces.
     *
     * @param entry the tensor, one of {@link #entries}
     * @param offset first byte to read, counted from the tensor's first
     * @param destination where the bytes go, from its position to its limit
     * @throws dev.longnet.LongNetException if the file cannot be read or was shortened since it was opened
     */
    public void read(Entry entry, long offset, ByteBuffer destination) {
        long count = destination.remaining();
        requireArgument(
                offset >= 0 && offset <= entry.bytes() - count,
                "bytes %d to %d do not lie inside tensor \"%s\", which has %d",
                offset,
                offset + count,
                entry.name(),
                entry.bytes());
        try {
            readFully(channel, header.dataStart() + entry.begin() + offset, destination);
        } catch (IOException e) {
            throw FileErrors.reading(path, e);
        }
    }

    @Override
    public void close() {
        closeQuietly(channel);
    }

    /** Fills the rest of {@code destination} from the given place of the file. */
    static void readFully(FileChannel channel, long position, ByteBuffer destination) throws IOException {
        while (destination.hasRemaining()) {
            int count = channel.read(destination, position);
            if (count < 0) {
                throw new EOFException("the file was shortened while it was open");
            }
            position += count;
        }
    }

    private static void closeQuietly(FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // The file was only read, so nothing is lost.
        }
    }
}
