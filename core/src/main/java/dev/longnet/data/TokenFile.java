package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.io.FileErrors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * One part of a corpus as tokens, mapped into memory. Documents stand in corpus order, each followed by the tokenizer's
 * end of document.
 *
 * <p>The file is built once and used again while the tokenizer, the settings and the path, size and time of every input
 * file stay the same. Token files that nobody opened for 30 days are removed when others are built. Safe for use by several threads.
 */
public final class TokenFile implements AutoCloseable {
    /** Bytes of one mapping; a multiple of every token width, so no token lies in two. */
    private static final int MAPPING = 1 << 30;

    private final Path path;
    private final TokenHeader header;
    private final TokenIndex index;
    private final int mapping;
    private volatile ByteBuffer[] mappings;

    private TokenFile(Path path, TokenHeader header, TokenIndex index, int mapping, ByteBuffer[] mappings) {
        this.path = path;
        this.header = header;
        this.index = index;
        this.mapping = mapping;
        this.mappings = mappings;
    }

    /**
     * Opens a part of a corpus; builds the files of both parts in {@code cacheFolder} if they are missing or damaged.
     *
     * @throws LongNetException if a source is missing, holds no text, or the files cannot be written
     */
    public static TokenFile open(Path cacheFolder, DataConfig config, Split split, Progress progress) {
        TokenCache cache = new TokenCache(cacheFolder, config);
        Path path = cache.file(split);
        TokenFile file = read(path, MAPPING);
        if (file == null) {
            cache.build(progress);
            CacheSweep.sweep(cacheFolder);
            file = read(path, MAPPING);
        }
        if (file == null) {
            throw new LongNetException("%s is damaged although it was just written; check the disk", path);
        }
        CacheSweep.used(path);
        return file;
    }

    /** The file at {@code path}; null if there is none or it is damaged. */
    static TokenFile read(Path path, int mapping) {
        if (!Files.exists(path)) {
            return null;
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            TokenHeader header = TokenHeader.decode(readFully(channel, 0, TokenHeader.BYTES));
            if (header == null || header.fileBytes() != channel.size()) {
                return null;
            }
            byte[] index = readFully(channel, header.indexStart(), (int) header.indexBytes())
                    .array();
            if (header.indexChecksum() != TokenHeader.checksum(index, index.length)) {
                return null;
            }
            TokenIndex documents = TokenIndex.decode(index, (int) header.documents());
            return new TokenFile(path, header, documents, mapping, map(channel, header, mapping));
        } catch (IOException e) {
            throw FileErrors.reading(path, e);
        }
    }

    /** {@code count} bytes from {@code position}, fewer where the file ends. */
    private static ByteBuffer readFully(FileChannel channel, long position, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining() && channel.read(bytes, position + bytes.position()) >= 0) {
            // Reads go on until the buffer is full or the file ends.
        }
        return bytes.flip();
    }

    private static ByteBuffer[] map(FileChannel channel, TokenHeader header, int mapping) throws IOException {
        long bytes = header.tokens() * header.width();
        ByteBuffer[] mappings = new ByteBuffer[Math.toIntExact((bytes + mapping - 1) / mapping)];
        for (int i = 0; i < mappings.length; i++) {
            long start = (long) i * mapping;
            mappings[i] = channel.map(
                            FileChannel.MapMode.READ_ONLY, TokenHeader.BYTES + start, Math.min(mapping, bytes - start))
                    .order(ByteOrder.LITTLE_ENDIAN);
        }
        return mappings;
    }

    /** Where the file lies. */
    public Path path() {
        return path;
    }

    /** Number of tokens. */
    public long tokens() {
        return header.tokens();
    }

    /** CRC32C of the tokens: another one means another text, another order or another tokenizer. */
    public int checksum() {
        return header.checksum();
    }

    /** Number of tokens the tokenizer has; every token of the file is below it. */
    public int vocabulary() {
        return header.vocabulary();
    }

    /** Number of documents. */
    public int documents() {
        return index.starts().length;
    }

    /** First token of document {@code i}; the number of all tokens for {@code i = documents()}. */
    public long documentStart(int i) {
        requireArgument(
                i >= 0 && i <= documents(), "document %d does not exist; there are %d from 0 on", i, documents());
        return i == documents() ? tokens() : index.starts()[i];
    }

    /** Name of document {@code i}, as the corpus gives it. */
    public String documentName(int i) {
        requireArgument(
                i >= 0 && i < documents(), "document %d does not exist; there are %d from 0 on", i, documents());
        return index.names()[i];
    }

    /** What the corpus of both parts was when the file was built. */
    public Corpus.Summary summary() {
        return index.summary();
    }

    /**
     * Copies the tokens [{@code start}, {@code start + count}) to {@code destination} from {@code offset} on.
     *
     * @throws IllegalArgumentException if one of the ranges does not exist
     * @throws LongNetException if the file holds something that is no token
     */
    public void read(long start, int[] destination, int offset, int count) {
        requireArgument(
                start >= 0 && count >= 0 && start <= tokens() - count,
                "tokens [%d, %d) are not all in the file of %d",
                start,
                start + count,
                tokens());
        requireArgument(
                offset >= 0 && offset <= destination.length - count,
                "%d tokens from %d on do not fit into an array of %d",
                count,
                offset,
                destination.length);
        ByteBuffer[] open = mappings;
        if (open == null) {
            throw new IllegalStateException("token file " + path + " is closed");
        }
        int width = header.width();
        for (int done = 0; done < count; ) {
            long position = (start + done) * width;
            ByteBuffer bytes = open[(int) (position / mapping)];
            int first = (int) (position % mapping);
            int here = Math.min(count - done, (bytes.limit() - first) / width);
            copy(bytes, first, destination, offset + done, here);
            done += here;
        }
    }

    private void copy(ByteBuffer bytes, int first, int[] destination, int offset, int count) {
        for (int i = 0; i < count; i++) {
            destination[offset + i] =
                    header.width() == 1 ? bytes.get(first + i) & 0xff : bytes.getInt(first + i * Integer.BYTES);
        }
        for (int i = offset; i < offset + count; i++) {
            if (destination[i] < 0 || destination[i] >= vocabulary()) {
                throw new LongNetException(
                        "token file %s is damaged (%d is not below the vocabulary %d); remove it to build it again",
                        path, destination[i], vocabulary());
            }
        }
    }

    /** Lets go of the mappings; the system frees them once no thread reads. */
    @Override
    public void close() {
        mappings = null;
    }
}
