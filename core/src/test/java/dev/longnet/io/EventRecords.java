package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A reader of event files that shares nothing with the writer, down to its own bit-by-bit CRC32C. */
final class EventRecords {
    /** What an event of the file says; parts that an event does not have are null. */
    record Event(double wallTime, long step, String version, String tag, Float value, Long session) {}

    private EventRecords() {}

    /** The events of a file; a record that is cut off at the end is not one. */
    static List<Event> read(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        List<Event> events = new ArrayList<>();
        while (bytes.remaining() >= 16) {
            int start = bytes.position();
            long length = bytes.getLong();
            assertThat(bytes.getInt()).as("checksum of the length").isEqualTo(masked(bytes.array(), start, 8));
            if (length > bytes.remaining() - 4) {
                break;
            }
            ByteBuffer payload = bytes.slice(bytes.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
            int checksum = masked(bytes.array(), bytes.position(), (int) length);
            bytes.position(bytes.position() + (int) length);
            assertThat(bytes.getInt()).as("checksum of the payload").isEqualTo(checksum);
            events.add(event(payload));
        }
        return events;
    }

    private static Event event(ByteBuffer payload) {
        Map<Integer, Object> event = message(payload);
        assertThat(event.keySet()).isSubsetOf(1, 2, 3, 5, 7);
        String version = event.containsKey(3) ? text(event.get(3)) : null;
        String tag = null;
        Float value = null;
        if (event.containsKey(5)) {
            Map<Integer, Object> summary = message((ByteBuffer) event.get(5));
            assertThat(summary).containsOnlyKeys(1);
            Map<Integer, Object> point = message((ByteBuffer) summary.get(1));
            assertThat(point).containsOnlyKeys(1, 2);
            tag = text(point.get(1));
            value = Float.intBitsToFloat((Integer) point.get(2));
        }
        Long session =
                event.containsKey(7) ? (Long) message((ByteBuffer) event.get(7)).get(1) : null;
        long step = event.containsKey(2) ? (Long) event.get(2) : 0; // a varint's default is not written
        double wallTime = Double.longBitsToDouble((Long) event.get(1));
        return new Event(wallTime, step, version, tag, value, session);
    }

    /** The fields of a protocol buffer by number: Long, Integer or the bytes of a length-delimited one. */
    private static Map<Integer, Object> message(ByteBuffer bytes) {
        Map<Integer, Object> fields = new TreeMap<>();
        while (bytes.hasRemaining()) {
            long key = varint(bytes);
            Object value = switch ((int) key & 7) {
                case 0 -> varint(bytes);
                case 1 -> bytes.getLong();
                case 2 -> delimited(bytes, (int) varint(bytes));
                case 5 -> bytes.getInt();
                default -> throw new AssertionError("wire type " + (key & 7));
            };
            assertThat(fields.put((int) (key >>> 3), value)).as("a field twice").isNull();
        }
        return fields;
    }

    private static ByteBuffer delimited(ByteBuffer bytes, int length) {
        ByteBuffer part = bytes.slice(bytes.position(), length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.position(bytes.position() + length);
        return part;
    }

    private static long varint(ByteBuffer bytes) {
        long value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            byte next = bytes.get();
            value |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new AssertionError("a varint of more than ten bytes");
    }

    private static String text(Object delimited) {
        return StandardCharsets.UTF_8.decode((ByteBuffer) delimited).toString();
    }

    /** ((crc >> 15) | (crc << 17)) + 0xa282ead8, as TFRecord files store a checksum. */
    private static int masked(byte[] bytes, int start, int length) {
        int crc = crc32c(bytes, start, length);
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    /** Castagnoli's polynomial 0x1edc6f41, bits reversed, one bit at a time. */
    static int crc32c(byte[] bytes, int start, int length) {
        int crc = -1;
        for (int i = start; i < start + length; i++) {
            crc ^= bytes[i] & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) == 0 ? crc >>> 1 : crc >>> 1 ^ 0x82f63b78;
            }
        }
        return ~crc;
    }
}
