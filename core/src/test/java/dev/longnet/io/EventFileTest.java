package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventFileTest {
    @TempDir
    Path folder;

    @Test
    void startsLikeEveryEventFile() throws IOException {
        EventFile file = EventFile.open(folder);
        byte[] bytes = Files.readAllBytes(file.path());
        file.close();
        // Length 24 and its masked checksum, the first bytes of TensorFlow's own files.
        assertThat(HexFormat.of().formatHex(bytes, 0, 12)).isEqualTo("1800000000000000a37f4b22");
        assertThat(new String(bytes, 12 + 11, 13, StandardCharsets.UTF_8)).isEqualTo("brain.Event:2");
        assertThat(file.path().getFileName().toString()).startsWith("events.out.tfevents.");
    }

    @Test
    void scalarsAreFramedEvents() throws IOException {
        Path path;
        try (EventFile file = EventFile.open(folder.resolve("new/run"))) {
            path = file.path();
            file.scalar("train/loss", 300, 1.5);
            file.scalar("é", 1L << 40, Double.NaN);
        }
        List<ByteBuffer> records = records(Files.readAllBytes(path));
        assertThat(records).hasSize(3);

        ByteBuffer event = records.get(1);
        assertThat(event.get()).isEqualTo((byte) 0x09);
        assertThat(event.getDouble()).isBetween(1.6e9, 1e11);
        byte[] rest = new byte[event.remaining()];
        event.get(rest);
        // step 300; summary of 19 bytes; value of 17: tag of 10, simple_value 1.5
        assertThat(HexFormat.of().formatHex(rest))
                .isEqualTo("10ac02" + "2a13" + "0a11" + "0a0a" + "747261696e2f6c6f7373" + "150000c03f");
        assertThat(records.get(2).getFloat(records.get(2).limit() - 4)).isNaN();
    }

    @Test
    void flushedScalarsAreReadableWhileTheRunGoesOn() throws IOException {
        try (EventFile file = EventFile.open(folder)) {
            file.scalar("loss", 1, 2);
            file.flush();
            assertThat(records(Files.readAllBytes(file.path()))).hasSize(2);
        }
    }

    @Test
    void aResumedRunAddsAFileThatSortsBehind() throws IOException {
        for (int i = 0; i < 3; i++) {
            EventFile.open(folder).close();
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).hasSize(3);
        }
    }

    @Test
    void aFileInTheFoldersPlaceIsSaid() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "x");
        assertThatThrownBy(() -> EventFile.open(file))
                .isInstanceOf(LongNetException.class)
                .hasMessageStartingWith("cannot write " + file);
    }

    /** Takes the framing apart and checks every checksum. */
    private static List<ByteBuffer> records(byte[] bytes) {
        List<ByteBuffer> records = new ArrayList<>();
        ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (file.hasRemaining()) {
            byte[] length = new byte[8];
            file.get(length);
            assertThat(file.getInt()).isEqualTo(EventFile.maskedCrc(length));
            byte[] payload = new byte
                    [(int) ByteBuffer.wrap(length)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong()];
            file.get(payload);
            assertThat(file.getInt()).isEqualTo(EventFile.maskedCrc(payload));
            records.add(ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN));
        }
        return records;
    }
}
