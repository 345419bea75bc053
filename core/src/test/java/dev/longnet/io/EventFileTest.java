package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.longnet.LongNetException;
import dev.longnet.io.EventRecords.Event;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class EventFileTest {
    @TempDir
    Path folder;

    @Test
    void theChecksumIsTheStandardsOwn() {
        byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
        assertThat(EventRecords.crc32c(digits, 0, digits.length)).isEqualTo(0xe3069283);
        assertThat(EventFile.maskedCrc(digits)).isEqualTo(0xc78ab0e5);
    }

    @Test
    void startsWithTheVersion() throws Exception {
        double before = System.currentTimeMillis() / 1000.0;
        EventFile file = EventFile.open(folder);
        // Readers that watch the folder see a valid file at once.
        Event first = EventRecords.read(file.path()).get(0);
        file.close();
        assertThat(first.version()).isEqualTo("brain.Event:2");
        assertThat(first.step()).isZero();
        assertThat(first.wallTime()).isBetween(before, System.currentTimeMillis() / 1000.0);
        assertThat(EventRecords.read(file.path())).hasSize(1);
        // Length 24 and its masked checksum, the first bytes of TensorFlow's own files.
        byte[] bytes = Files.readAllBytes(file.path());
        assertThat(HexFormat.of().formatHex(bytes, 0, 12)).isEqualTo("1800000000000000a37f4b22");
    }

    @Test
    void everyStepAndValueComesBack() throws Exception {
        long[] steps = {0, 1, 127, 128, 16_383, 16_384, Integer.MAX_VALUE, 1L << 40, Long.MAX_VALUE, -1, Long.MIN_VALUE
        };
        double[] values = {
            0, -0.0, 2.5, -1e-3, Float.MIN_VALUE, 1e300, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY
        };
        EventFile file = EventFile.open(folder);
        try (file) {
            for (long step : steps) {
                for (double value : values) {
                    file.scalar("train/loss", step, value);
                }
            }
        }
        List<Event> events = EventRecords.read(file.path());
        assertThat(events).hasSize(1 + steps.length * values.length);
        for (int i = 0; i < steps.length * values.length; i++) {
            Event event = events.get(1 + i);
            assertThat(event.tag()).isEqualTo("train/loss");
            assertThat(event.version()).isNull();
            assertThat(event.step()).isEqualTo(steps[i / values.length]);
            assertThat(event.value()).isEqualTo(Float.valueOf((float) values[i % values.length]));
        }
    }

    @Test
    void tagsOfAnyLengthComeBack() throws Exception {
        List<String> tags = List.of("", "größe/\ud83d\ude00", "x".repeat(127), "x".repeat(128), "x".repeat(40_000));
        EventFile file = EventFile.open(folder);
        try (file) {
            tags.forEach(tag -> file.scalar(tag, 3, 1));
        }
        assertThat(EventRecords.read(file.path()).stream().skip(1).map(Event::tag))
                .containsExactlyElementsOf(tags);
    }

    @Test
    void flushedPointsAreOnDiskAndAHalfWrittenOneIsNoDamage() throws Exception {
        try (EventFile file = EventFile.open(folder)) {
            file.scalar("a", 1, 1);
            assertThat(EventRecords.read(file.path())).hasSize(1);
            file.flush();
            byte[] bytes = Files.readAllBytes(file.path());
            assertThat(EventRecords.read(file.path())).hasSize(2);
            for (int cut = 1; cut < 40; cut++) {
                Path half = Files.write(folder.resolve("half"), Arrays.copyOf(bytes, bytes.length - cut));
                assertThat(EventRecords.read(half)).hasSize(1);
            }
        }
    }

    @Test
    void everySessionHasAFileAndTheirNamesAreInOrder() throws Exception {
        List<Path> written = new ArrayList<>();
        for (int session = 0; session < 12; session++) {
            try (EventFile file = EventFile.open(folder)) {
                file.scalar("train/loss", session, session);
                written.add(file.path());
            }
        }
        assertThat(written).allMatch(path -> path.getFileName().toString().startsWith("events.out.tfevents."));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.sorted()).containsExactlyElementsOf(written);
        }
        for (int session = 0; session < written.size(); session++) {
            List<Event> events = EventRecords.read(written.get(session));
            assertThat(events).hasSize(2);
            assertThat(events.get(0).version()).isEqualTo("brain.Event:2");
            assertThat(events.get(1).step()).isEqualTo(session);
        }
    }

    @Test
    void aResumedRunSaysFromWhereItsPointsCountAnew() throws Exception {
        EventFile file = EventFile.open(folder, 301);
        try (file) {
            file.scalar("train/loss", 301, 2);
        }
        List<Event> events = EventRecords.read(file.path());
        assertThat(events).extracting(Event::session).containsExactly(null, 1L, null); // 1 is START
        assertThat(events).extracting(Event::step).containsExactly(0L, 301L, 301L);
        assertThat(events).extracting(Event::tag).containsExactly(null, null, "train/loss");
    }

    @Test
    void threadsDoNotMixTheirRecords() throws Exception {
        EventFile file = EventFile.open(folder);
        List<Thread> threads = Stream.of("a", "b", "c")
                .map(tag -> new Thread(() -> {
                    for (int step = 0; step < 500; step++) {
                        file.scalar(tag, step, step);
                    }
                }))
                .toList();
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        file.close();
        List<Event> events = EventRecords.read(file.path());
        for (String tag : List.of("a", "b", "c")) {
            assertThat(events.stream().filter(event -> tag.equals(event.tag())).map(Event::step))
                    .hasSize(500)
                    .isSorted();
        }
    }

    @Test
    void missingFoldersAreMade() {
        try (EventFile file = EventFile.open(folder.resolve("runs/one"))) {
            assertThat(file.path().getParent()).isEqualTo(folder.resolve("runs/one"));
        }
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aFolderMayBeALink() throws Exception {
        Path real = Files.createDirectory(folder.resolve("real"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), real);
        EventFile.open(link).close();
        assertThat(real).isNotEmptyDirectory();
    }

    @Test
    void aFolderThatIsAFileIsNamed() throws Exception {
        Path file = Files.writeString(folder.resolve("file"), "kept");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> EventFile.open(file))
                .withMessage("cannot write %s: %s is in the way", file, file);
        assertThat(file).hasContent("kept");
    }

    @Test
    void aFullDiskIsNamedAndLeavesNothingOpen() {
        Path path = folder.resolve("events");
        boolean[] closed = {false};
        EventFile file = new EventFile(path, new OutputStream() {
            @Override
            public void write(int value) throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void close() {
                closed[0] = true;
            }
        });
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(file::start)
                .withMessage("cannot write %s: No space left on device", path);
        assertThat(closed[0]).isTrue();
    }
}
