package dev.longnet.io;

import dev.longnet.LongNetException;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * A log of scalars that TensorBoard shows.
 *
 * <p>Every opening starts a new file in the folder and TensorBoard joins them, so a resumed run goes on where the old
 * one ended. A file is a row of records (TFRecord: 8-byte length, masked CRC32C of it, payload, masked CRC32C of the
 * payload, all little-endian); a payload is an {@code Event} protocol buffer. It is written as it grows: a run that
 * dies loses at most what was not flushed, and readers ignore a half-written last record.
 */
public final class EventFile implements AutoCloseable {
    // Protocol buffer tags, field number << 3 | wire type (0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes).
    private static final int EVENT_WALL_TIME = 1 << 3 | 1;
    private static final int EVENT_STEP = 2 << 3;
    private static final int EVENT_FILE_VERSION = 3 << 3 | 2;
    private static final int EVENT_SUMMARY = 5 << 3 | 2;
    private static final int EVENT_SESSION = 7 << 3 | 2;
    private static final int SESSION_STATUS = 1 << 3;
    private static final int SESSION_START = 1;
    private static final int SUMMARY_VALUE = 1 << 3 | 2;
    private static final int VALUE_TAG = 1 << 3 | 2;
    private static final int VALUE_SIMPLE = 2 << 3 | 5;
    private static final int CRC_MASK = 0xa282ead8;

    private final Path path;
    private final OutputStream stream;

    EventFile(Path path, OutputStream stream) {
        this.path = path;
        this.stream = new BufferedOutputStream(stream);
    }

    /**
     * Starts a new event file in {@code folder}, which is made if it is missing.
     *
     * @throws LongNetException if the file cannot be written
     */
    public static EventFile open(Path folder) {
        try {
            AtomicFile.createFolder(folder);
            EventFile file = create(folder, System.currentTimeMillis() / 1000);
            file.start();
            return file;
        } catch (IOException e) {
            throw FileErrors.writing(folder, e);
        }
    }

    private static EventFile create(Path folder, long seconds) throws IOException {
        for (int count = 0; ; count++) {
            // TensorBoard reads the files of a folder in the order of their names.
            Path path = folder.resolve(
                    String.format(Locale.ROOT, "events.out.tfevents.%010d.longnet.%04d", seconds, count));
            try {
                OutputStream stream =
                        Files.newOutputStream(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
                return new EventFile(path, stream);
            } catch (FileAlreadyExistsException e) {
                // Opened twice within a second; try the next number.
            }
        }
    }

    /**
     * Starts a new event file of a run that goes on from a checkpoint: points of earlier files at {@code firstStep} and
     * after it, which this file will hold anew, are no longer shown.
     *
     * @throws LongNetException if the file cannot be written
     */
    public static EventFile open(Path folder, long firstStep) {
        EventFile file = open(folder);
        Message session = new Message().varint(SESSION_STATUS, SESSION_START);
        file.record(event(firstStep).bytes(EVENT_SESSION, session.toByteArray()));
        return file;
    }

    /** Writes the record that every event file begins with. */
    void start() {
        try {
            record(event(0).bytes(EVENT_FILE_VERSION, "brain.Event:2".getBytes(StandardCharsets.UTF_8)));
            flush();
        } catch (LongNetException e) {
            close();
            throw e;
        }
    }

    /** The file being written. */
    public Path path() {
        return path;
    }

    /**
     * Adds one point of a curve.
     *
     * @param tag name of the curve, such as {@code train/loss}
     * @param step place on the horizontal axis
     * @param value place on the vertical axis, stored as float32; infinite and NaN are kept
     */
    public synchronized void scalar(String tag, long step, double value) {
        Message point = new Message()
                .bytes(VALUE_TAG, tag.getBytes(StandardCharsets.UTF_8))
                .fixed32(VALUE_SIMPLE, Float.floatToIntBits((float) value));
        Message summary = new Message().bytes(SUMMARY_VALUE, point.toByteArray());
        record(event(step).bytes(EVENT_SUMMARY, summary.toByteArray()));
    }

    /** Hands everything written so far to the operating system, so that TensorBoard sees it. */
    public synchronized void flush() {
        try {
            stream.flush();
        } catch (IOException e) {
            throw FileErrors.writing(path, e);
        }
    }

    @Override
    public synchronized void close() {
        try {
            stream.close();
        } catch (IOException e) {
            throw FileErrors.writing(path, e);
        }
    }

    private static Message event(long step) {
        return new Message()
                .fixed64(EVENT_WALL_TIME, Double.doubleToLongBits(System.currentTimeMillis() / 1000.0))
                .varint(EVENT_STEP, step);
    }

    private void record(Message event) {
        byte[] payload = event.toByteArray();
        byte[] length = littleEndian(8).putLong(payload.length).array();
        ByteBuffer record = littleEndian(payload.length + 16)
                .put(length)
                .putInt(maskedCrc(length))
                .put(payload)
                .putInt(maskedCrc(payload));
        try {
            stream.write(record.array());
        } catch (IOException e) {
            throw FileErrors.writing(path, e);
        }
    }

    /** TFRecord stores checksums rotated by 15 bits and shifted, so that a checksum of checksums stays useful. */
    static int maskedCrc(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return Integer.rotateRight((int) crc.getValue(), 15) + CRC_MASK;
    }

    private static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The few kinds of protocol buffer field that an event has. */
    private static final class Message extends ByteArrayOutputStream {
        /** Zero is a varint field's default and is not written. */
        Message varint(int tag, long value) {
            if (value != 0) {
                write(tag);
                writeVarint(value);
            }
            return this;
        }

        Message fixed32(int tag, int bits) {
            write(tag);
            writeBytes(littleEndian(4).putInt(bits).array());
            return this;
        }

        Message fixed64(int tag, long bits) {
            write(tag);
            writeBytes(littleEndian(8).putLong(bits).array());
            return this;
        }

        Message bytes(int tag, byte[] content) {
            write(tag);
            writeVarint(content.length);
            writeBytes(content);
            return this;
        }

        private void writeVarint(long value) {
            for (; (value & ~0x7fL) != 0; value >>>= 7) {
                write((int) (value & 0x7f | 0x80));
            }
            write((int) value);
        }
    }
}
