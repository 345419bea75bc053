package dev.longnet.data;

import dev.longnet.io.AtomicFile;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/** Writes a token file beside its target; it takes its place on {@link #commit}. */
final class TokenWriter implements Closeable {
    private final AtomicFile file;
    private final int vocabulary;
    private final int width;
    private final ByteBuffer buffer = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    private final List<Long> starts = new ArrayList<>();
    private final List<String> names = new ArrayList<>();
    private final CRC32C checksum = new CRC32C();
    private long tokens;

    TokenWriter(Path target, int vocabulary) throws IOException {
        this.vocabulary = vocabulary;
        width = TokenHeader.width(vocabulary);
        file = new AtomicFile(target);
        file.channel().position(TokenHeader.BYTES);
    }

    int documents() {
        return starts.size();
    }

    void add(String name, int[] document, int endOfDocument) throws IOException {
        starts.add(tokens);
        names.add(name);
        for (int token : document) {
            put(token);
        }
        put(endOfDocument);
        tokens += document.length + 1L;
    }

    private void put(int token) throws IOException {
        if (buffer.remaining() < width) {
            flush();
        }
        if (width == 1) {
            buffer.put((byte) token);
        } else {
            buffer.putInt(token);
        }
    }

    private void flush() throws IOException {
        checksum.update(buffer.flip());
        writeFully(buffer.rewind());
        buffer.clear();
    }

    private void writeFully(ByteBuffer bytes) throws IOException {
        FileChannel channel = file.channel();
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    void commit(Corpus.Summary summary) throws IOException {
        flush();
        byte[] index = TokenIndex.encode(starts, names, summary);
        writeFully(ByteBuffer.wrap(index));
        int indexChecksum = TokenHeader.checksum(index, index.length);
        TokenHeader header = new TokenHeader(
                width, vocabulary, indexChecksum, tokens, starts.size(), index.length, (int) checksum.getValue());
        file.channel().position(0);
        writeFully(header.encode());
        file.commit();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
