package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import dev.longnet.io.SafetensorsFile.Entry;
import dev.longnet.io.SafetensorsWriter.Tensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsTest {
    @TempDir
    Path folder;

    @Test
    void readsWhatItWrote() {
        Random random = new Random(1);
        List<Tensor> tensors = new ArrayList<>();
        List<byte[]> contents = new ArrayList<>();
        for (ElementType type : ElementType.values()) {
            byte[] content = new byte[7 * 3 * type.bytes()];
            random.nextBytes(content);
            contents.add(content);
            tensors.add(tensor("layer." + type + " \"é\"", type, content, 7, 1, 3));
        }
        tensors.add(tensor("scalar", ElementType.F32, new byte[] {1, 2, 3, 4}));
        tensors.add(tensor("none", ElementType.I16, new byte[0], 5, 0, 2));
        Path path = folder.resolve("a.safetensors");
        SafetensorsWriter.write(path, Map.of("format", "pt", "steps", "17"), tensors);

        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.path()).isEqualTo(path);
            assertThat(file.metadata()).isEqualTo(Map.of("format", "pt", "steps", "17"));
            assertThat(file.entries()).hasSize(tensors.size());
            for (int i = 0; i < contents.size(); i++) {
                Entry entry = file.entries().get(tensors.get(i).name());
                assertThat(entry.type()).isEqualTo(tensors.get(i).type());
                assertThat(entry.shape()).containsExactly(7, 1, 3);
                assertThat(entry.elements()).isEqualTo(21);
                assertThat(entry.begin() % entry.type().bytes()).isZero();
                assertThat(read(file, entry, 0, (int) entry.bytes())).isEqualTo(contents.get(i));
            }
            Entry scalar = file.entries().get("scalar");
            assertThat(scalar.shape()).isEmpty();
            assertThat(read(file, scalar, 1, 2)).containsExactly(2, 3);
            assertThat(file.entries().get("none").bytes()).isZero();
            assertThat(file.entries().values().stream().map(Entry::begin)).isSorted();
        }
    }

    @Test
    void headerIsAlignedAndMetadataOptional() throws IOException {
        for (int length = 1; length <= 9; length++) {
            Path path = folder.resolve("b.safetensors");
            SafetensorsWriter.write(
                    path, Map.of(), List.of(tensor("n".repeat(length), ElementType.U8, new byte[] {9}, 1)));
            byte[] bytes = Files.readAllBytes(path);
            assertThat(bytes[0] % 8).isZero();
            assertThat(new String(bytes, StandardCharsets.UTF_8)).doesNotContain("__metadata__");
            try (SafetensorsFile file = SafetensorsFile.open(path)) {
                assertThat(file.metadata()).isEmpty();
            }
        }
    }

    @Test
    void wrongContentNeverReplacesAFile() throws IOException {
        Path path = Files.writeString(folder.resolve("c.safetensors"), "old");
        for (int size : new int[] {3, 5}) {
            assertThatThrownBy(() -> SafetensorsWriter.write(
                            path, Map.of(), List.of(tensor("w", ElementType.U8, new byte[size], 2, 2))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("\"w\"");
        }
        assertThatThrownBy(() -> SafetensorsWriter.write(
                        path,
                        Map.of(),
                        List.of(
                                tensor("w", ElementType.U8, new byte[1], 1),
                                tensor("w", ElementType.U8, new byte[1], 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("two tensors are named \"w\"");
        assertThatThrownBy(() -> tensor("w", ElementType.U8, new byte[1], -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[-1]");
        assertThatThrownBy(() -> tensor("__metadata__", ElementType.U8, new byte[1], 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(path).content().isEqualTo("old");
        assertThat(folder.toFile().list()).containsExactly("c.safetensors");
    }

    @Test
    void readsBehindTwoGigabytes() throws IOException {
        long size = (1L << 31) + 12_345;
        Path path = folder.resolve("large.safetensors");
        byte[] header =
                header("{\"big\":{\"dtype\":\"U8\",\"shape\":[" + size + "],\"data_offsets\":[0," + size + "]}}");
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.write(header);
            file.setLength(header.length + size); // A hole in the file: it takes no room on the disk.
            file.seek(header.length + size - 3);
            file.write(new byte[] {5, 6, 7});
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            Entry entry = file.entries().get("big");
            assertThat(read(file, entry, size - 4, 4)).containsExactly(0, 5, 6, 7);
            assertThatThrownBy(() -> read(file, entry, size - 4, 5)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> read(file, entry, -1, 1)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void aFileShortenedWhileOpenIsSaid() throws IOException {
        Path path = folder.resolve("short.safetensors");
        SafetensorsWriter.write(path, Map.of(), List.of(tensor("w", ElementType.U8, new byte[17], 17)));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            try (RandomAccessFile cut = new RandomAccessFile(path.toFile(), "rw")) {
                cut.setLength(cut.length() - 1);
            }
            Entry entry = file.entries().get("w");
            assertThatThrownBy(() -> read(file, entry, 0, 17))
                    .isInstanceOf(LongNetException.class)
                    .hasMessageContaining("shortened");
        }
    }

    static List<Arguments> damaged() {
        return List.of(
                Arguments.of(new byte[0], "has 0 bytes"),
                Arguments.of(new byte[7], "has 7 bytes"),
                Arguments.of(prefix(2L << 30, 100), "header has 2147483648 bytes, over the format's limit"),
                Arguments.of(prefix(-1, 100), "header has 18446744073709551615 bytes, over the format's limit"),
                Arguments.of(prefix(100_000_001, 100), "over the format's limit"),
                Arguments.of(prefix(100_000_000, 100), "only 100 follow"),
                Arguments.of(prefix(101, 100), "only 100 follow"),
                Arguments.of(prefix(0, 3), "not a JSON object"),
                Arguments.of(header("[1]"), "not a JSON object"),
                Arguments.of(header("{\"a\":"), "not JSON"),
                Arguments.of(header("{\"a\" 1}"), "not JSON"),
                Arguments.of(header("{} {}"), "more in its header than one JSON object"),
                Arguments.of(header("{\"a\":7}"), "\"a\" by something other than a JSON object"),
                Arguments.of(header("{\"__metadata__\":{\"a\":7}}"), "__metadata__ \"a\" that is not text"),
                Arguments.of(header("{\"__metadata__\":[]}"), "__metadata__ that is not a JSON object"),
                Arguments.of(file(4, entry("a", "F31", "[1]", "0,4")), "unknown dtype \"F31\""),
                Arguments.of(file(4, "\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}"), "unknown dtype \"\""),
                Arguments.of(file(4, "\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}"), "no shape"),
                Arguments.of(file(4, "\"a\":{\"dtype\":\"F32\",\"shape\":[1]}"), "data_offsets"),
                Arguments.of(file(4, entry("a", "F32", "[1]", "0,4,8")), "data_offsets [0,4,8]"),
                Arguments.of(file(4, entry("a", "F32", "[1]", "0,4.5")), "data_offsets [0,4.5]"),
                Arguments.of(file(4, entry("a", "F32", "[1]", "-4,0")), "data_offsets [-4,0]"),
                Arguments.of(file(4, entry("a", "F32", "[1]", "0,99999999999999999999")), "data_offsets"),
                Arguments.of(file(4, entry("a", "F32", "[1]", "4,0")), "ends tensor \"a\" at byte 0"),
                Arguments.of(file(4, entry("a", "F32", "[-1]", "0,4")), "dimension -1"),
                Arguments.of(file(4, entry("a", "F32", "[\"1\"]", "0,4")), "dimension \"1\""),
                Arguments.of(file(4, entry("a", "F32", "[4294967296,4294967296]", "0,4")), "64-bit"),
                Arguments.of(file(4, entry("a", "F32", "[9223372036854775807]", "0,4")), "64-bit"),
                Arguments.of(file(8, entry("a", "F32", "[3]", "0,8")), "8 bytes but its shape [3] of F32 needs 12"),
                Arguments.of(file(6, entry("a", "U8", "[4]", "0,4"), entry("b", "U8", "[3]", "3,6")), "\"b\" overlap"),
                Arguments.of(
                        file(9, entry("a", "U8", "[4]", "0,4"), entry("b", "U8", "[3]", "6,9")),
                        "hole of 2 bytes before tensor \"b\""),
                Arguments.of(file(9, entry("a", "U8", "[4]", "5,9")), "hole of 5 bytes"),
                Arguments.of(file(3, entry("a", "U8", "[4]", "0,4")), "ends 1 bytes before the end of tensor \"a\""),
                Arguments.of(file(5, entry("a", "U8", "[4]", "0,4")), "1 bytes after its last tensor"),
                Arguments.of(
                        file(8, entry("a", "U8", "[4]", "0,4"), entry("a", "U8", "[4]", "4,8")),
                        "names tensor \"a\" twice"));
    }

    @ParameterizedTest
    @MethodSource("damaged")
    void refusesDamagedFilesInOneSentence(byte[] content, String reason) throws IOException {
        Path path = Files.write(folder.resolve("damaged.safetensors"), content);
        assertThatThrownBy(() -> SafetensorsFile.open(path))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining(path.toString())
                .hasMessageContaining(reason)
                .hasMessageNotContaining("\n");
    }

    @Test
    void everyCutOfAGoodFileIsRefused() throws IOException {
        Path path = folder.resolve("good.safetensors");
        SafetensorsWriter.write(
                path,
                Map.of("k", "v"),
                List.of(tensor("a", ElementType.F32, new byte[12], 3), tensor("b", ElementType.U8, new byte[5], 5)));
        byte[] good = Files.readAllBytes(path);
        for (int length = 0; length < good.length; length++) {
            Path cut = Files.write(folder.resolve("cut.safetensors"), Arrays.copyOf(good, length));
            assertThatThrownBy(() -> SafetensorsFile.open(cut)).isInstanceOf(LongNetException.class);
        }
    }

    @Test
    void missingFilesAndFoldersAreSaid() {
        Path missing = folder.resolve("missing.safetensors");
        assertThatThrownBy(() -> SafetensorsFile.open(missing))
                .isInstanceOf(LongNetException.class)
                .hasMessage("cannot read " + missing + ": it does not exist");
        assertThatThrownBy(() -> SafetensorsFile.open(folder)).isInstanceOf(LongNetException.class);
    }

    private static Tensor tensor(String name, ElementType type, byte[] content, long... shape) {
        // In two pieces, as large tensors come.
        return new Tensor(name, type, shape, channel -> {
            channel.write(ByteBuffer.wrap(content, 0, content.length / 2));
            channel.write(ByteBuffer.wrap(content, content.length / 2, content.length - content.length / 2));
        });
    }

    private static byte[] read(SafetensorsFile file, Entry entry, long offset, int count) {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        file.read(entry, offset, bytes);
        return bytes.array();
    }

    private static byte[] prefix(long headerLength, int more) {
        return ByteBuffer.allocate(8 + more)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(headerLength)
                .array();
    }

    private static byte[] header(String json) {
        byte[] text = json.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.wrap(prefix(text.length, text.length)).put(8, text).array();
    }

    private static byte[] file(int dataBytes, String... entries) {
        byte[] header = header("{" + String.join(",", entries) + "}");
        return Arrays.copyOf(header, header.length + dataBytes);
    }

    private static String entry(String name, String type, String shape, String offsets) {
        return String.format(
                "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%s]}", name, type, shape, offsets);
    }
}
