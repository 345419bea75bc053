package dev.longnet.io;

import dev.longnet.LongNetException;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Writes whole files beside their target and renames them ({@link AtomicFile}); a failure leaves the target as it was
 * and leaves nothing beside it. What the file system refuses is a {@link LongNetException} that names the target.
 */
public final class AtomicFiles {
    private AtomicFiles() {}

    /** Replaces {@code target} by what {@code content} writes to a buffered stream, which it may close. */
    public static void write(Path target, IoConsumer<OutputStream> content) {
        writeChannel(target, channel -> {
            OutputStream stream = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16) {
                @Override
                public void close() throws IOException {
                    flush(); // The channel has to stay open until its bytes are forced to the disk.
                }
            };
            content.accept(stream);
            stream.flush();
        });
    }

    /** Replaces {@code target} by {@code text} in UTF-8. */
    public static void writeString(Path target, String text) {
        write(target, stream -> stream.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Replaces {@code target} by what {@code content} writes to an unbuffered channel, in any order. */
    public static void writeChannel(Path target, IoConsumer<FileChannel> content) {
        try (AtomicFile file = new AtomicFile(target)) {
            content.accept(file.channel());
            file.commit();
        } catch (IOException e) {
            throw FileErrors.writing(target, e);
        }
    }
}
