package dev.longnet.io;

import static dev.longnet.io.RawFile.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.longnet.LongNetException;
import dev.longnet.io.SafetensorsFile.Entry;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFileTest {
    /** Written by the safetensors package for Python, version 0.8.0. */
    private static final Path OFFICIAL = Path.of("src/test/resources/safetensors/official.safetensors");

    @TempDir
    Path folder;

    static Stream<Arguments> official() {
        return Stream.of(
                arguments("i64", ElementType.I64, new long[] {3}, "ffffffffffffff7f00000000000000800000000000000000"),
                arguments(
                        "f64", ElementType.F64, new long[] {1, 3}, "000000000000f83f00000000000002c0000000000000f07f"),
                arguments("empty", ElementType.F32, new long[] {3, 0, 2}, ""),
                arguments("f32", ElementType.F32, new long[] {5}, "0000803f000000800000c07fe6b1617f01000000"),
                arguments("größe", ElementType.F32, new long[] {1}, "00001041"),
                arguments("i32", ElementType.I32, new long[] {}, "f9ffffff"),
                arguments("bf16", ElementType.BF16, new long[] {3}, "803f49c04a71"),
                arguments("f16", ElementType.F16, new long[] {3, 1}, "003cff7b55b5"),
                arguments("i16", ElementType.I16, new long[] {1, 2}, "0080ff7f"),
                arguments(
                        "nine.dims",
                        ElementType.I16,
                        new long[] {1, 1, 2, 1, 1, 3, 1, 1, 1},
                        "000001000200030004000500"),
                arguments("i8", ElementType.I8, new long[] {3}, "807f05"),
                arguments("u8", ElementType.U8, new long[] {3}, "ff0001"),
                arguments("bool", ElementType.BOOL, new long[] {3}, "010001"));
    }

    @ParameterizedTest
    @MethodSource("official")
    void readsWhatTheOfficialWriterWrote(String name, ElementType type, long[] shape, String hex) {
        try (SafetensorsFile file = SafetensorsFile.open(OFFICIAL)) {
            Entry entry = file.entries().get(name);
            assertThat(entry.name()).isEqualTo(name);
            assertThat(entry.type()).isEqualTo(type);
            assertThat(entry.shape()).isEqualTo(shape);
            assertThat(entry.bytes()).isEqualTo(hex.length() / 2);
            assertThat(entry.elements() * type.bytes()).isEqualTo(entry.bytes());
            assertThat(HexFormat.of().formatHex(bytes(file, entry))).isEqualTo(hex);
        }
    }

    @Test
    void listsWhatTheOfficialWriterWroteInTheOrderOfItsBytes() {
        try (SafetensorsFile file = SafetensorsFile.open(OFFICIAL)) {
            assertThat(file.path()).isEqualTo(OFFICIAL);
            assertThat(file.metadata()).isEqualTo(Map.of("format", "pt", "größe", "neun"));
            assertThat(file.entries().keySet())
                    .containsExactlyElementsOf(
                            official().map(row -> (String) row.get()[0]).toList());
            assertThatExceptionOfType(UnsupportedOperationException.class)
                    .isThrownBy(() -> file.entries().clear());
            assertThatExceptionOfType(UnsupportedOperationException.class)
                    .isThrownBy(() -> file.metadata().clear());
        }
    }

    static Stream<Arguments> oddButRight() {
        return Stream.of(
                arguments("{}", 0, 0),
                arguments("{}      ", 0, 0),
                arguments("{\"__metadata__\":{}}\n\t ", 0, 0),
                arguments("{" + entry("", "U8", "[]", "[0,1]") + "}", 1, 1),
                arguments("{" + entry("x\\ud83d\\ude00", "U8", "[1,1,1,1,1,1,1,1,1,1]", "[0,1]") + "}", 1, 1),
                arguments("{" + entry("a".repeat(60_000), "U8", "[]", "[0,1]") + "}", 1, 1),
                arguments("{" + entry("a", "F64", "[0,9223372036854775807]", "[0,0]") + "}", 0, 1),
                arguments("{\"a\":{\"data_offsets\":[0,1],\"note\":[{}],\"shape\":[1],\"dtype\":\"I8\"}}", 1, 1),
                // No bytes, so it overlaps nothing at the end of one and the beginning of the other.
                arguments(
                        "{" + entry("b", "I16", "[2]", "[2,6]") + "," + entry("none", "F64", "[0]", "[2,2]") + ","
                                + entry("a", "U8", "[2]", "[0,2]") + "}",
                        6,
                        3));
    }

    @ParameterizedTest
    @MethodSource("oddButRight")
    void opensOddFilesThatKeepTheRules(String header, int dataBytes, int tensors) {
        try (SafetensorsFile file = SafetensorsFile.open(RawFile.write(folder, RawFile.of(header, dataBytes)))) {
            assertThat(file.entries()).hasSize(tensors);
        }
    }

    @Test
    void readsPartsIntoAnyBuffer() {
        String header = "{" + entry("a", "U8", "[5]", "[0,5]") + "," + entry("b", "I16", "[3]", "[5,11]") + "}";
        try (SafetensorsFile file = SafetensorsFile.open(RawFile.write(folder, RawFile.of(header, 11)))) {
            Entry b = file.entries().get("b");
            ByteBuffer heap =
                    ByteBuffer.wrap(new byte[] {-1, -1, -1, -1, -1}).position(1).limit(4);
            file.read(b, 2, heap);
            assertThat(heap.array()).containsExactly(-1, 7, 8, 9, -1);
            assertThat(heap.remaining()).isZero();
            ByteBuffer direct = ByteBuffer.allocateDirect(6);
            file.read(b, 0, direct);
            assertThat(direct.flip()).isEqualTo(ByteBuffer.wrap(new byte[] {5, 6, 7, 8, 9, 10}));
            file.read(b, 6, ByteBuffer.allocate(0));
        }
    }

    @Test
    void readsNothingOutsideTheTensor() {
        String header = "{" + entry("a", "U8", "[5]", "[0,5]") + "," + entry("b", "U8", "[3]", "[5,8]") + "}";
        try (SafetensorsFile file = SafetensorsFile.open(RawFile.write(folder, RawFile.of(header, 8)))) {
            Entry a = file.entries().get("a");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> file.read(a, 0, ByteBuffer.allocate(6)))
                    .withMessage("bytes 0 to 6 do not lie inside tensor \"a\", which has 5");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> file.read(a, 5, ByteBuffer.allocate(1)))
                    .withMessage("bytes 5 to 6 do not lie inside tensor \"a\", which has 5");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> file.read(a, -1, ByteBuffer.allocate(1)))
                    .withMessage("bytes -1 to 0 do not lie inside tensor \"a\", which has 5");
            assertThatIllegalArgumentException().isThrownBy(() -> file.read(a, Long.MAX_VALUE, ByteBuffer.allocate(0)));
        }
    }

    @Test
    void readsBehindTwoGigabytes() throws Exception {
        long size = (1L << 31) + 12_345;
        byte[] start = RawFile.of("{" + entry("big", "U8", "[" + size + "]", "[0," + size + "]") + "}", 0);
        Path path = RawFile.write(folder, start);
        try (var channel = Files.newByteChannel(path, StandardOpenOption.WRITE)) {
            // A hole in the file: it takes no room on the disk.
            channel.position(start.length + size - 3).write(ByteBuffer.wrap(new byte[] {5, 6, 7}));
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            ByteBuffer last = ByteBuffer.allocate(4);
            file.read(file.entries().get("big"), size - 4, last);
            assertThat(last.array()).containsExactly(0, 5, 6, 7);
        }
    }

    @Test
    void everyCutOfAGoodFileIsRefused() throws Exception {
        byte[] good = Files.readAllBytes(OFFICIAL);
        for (int length = 0; length < good.length; length++) {
            Path cut = RawFile.write(folder, Arrays.copyOf(good, length));
            assertThatExceptionOfType(LongNetException.class).isThrownBy(() -> SafetensorsFile.open(cut));
        }
    }

    @Test
    void aFileShortenedWhileOpenIsNamed() throws Exception {
        Path path = RawFile.write(folder, RawFile.of("{" + entry("a", "U8", "[5]", "[0,5]") + "}", 5));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            try (var channel = Files.newByteChannel(path, StandardOpenOption.WRITE)) {
                channel.truncate(channel.size() - 2);
            }
            assertThatExceptionOfType(LongNetException.class)
                    .isThrownBy(() -> bytes(file, file.entries().get("a")))
                    .withMessage("cannot read %s: the file was shortened while it was open", path);
        }
    }

    @Test
    void aClosedFileSaysSo() {
        Path path = RawFile.write(folder, RawFile.of("{" + entry("a", "U8", "[1]", "[0,1]") + "}", 1));
        SafetensorsFile file = SafetensorsFile.open(path);
        file.close();
        file.close();
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> bytes(file, file.entries().get("a")))
                .withMessage("cannot read %s: it was closed while in use", path);
    }

    @Test
    void anEntryKeepsItsOwnShape() {
        long[] shape = {2, 3};
        Entry entry = new Entry("a", ElementType.I16, shape, 4, 16);
        shape[0] = 7;
        entry.shape()[1] = 7;
        assertThat(entry.shape()).containsExactly(2, 3);
        assertThat(entry.elements()).isEqualTo(6);
    }

    static byte[] bytes(SafetensorsFile file, Entry entry) {
        ByteBuffer buffer = ByteBuffer.allocate((int) entry.bytes());
        file.read(entry, 0, buffer);
        return buffer.array();
    }
}
