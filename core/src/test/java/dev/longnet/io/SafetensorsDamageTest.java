package dev.longnet.io;

import static dev.longnet.io.RawFile.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.longnet.LongNetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each rule of the format, broken alone in a file built byte by byte, has its own sentence. */
class SafetensorsDamageTest {
    private static final String MAX = Long.toString(Long.MAX_VALUE);

    @TempDir
    Path folder;

    /** A header, the bytes of data after it, and what the error says of the file. */
    static Stream<Arguments> headers() {
        String a = entry("a", "F32", "[3]", "[0,12]");
        return Stream.of(
                arguments("", 0, "has a header that is not a JSON object"),
                arguments("[]", 0, "has a header that is not a JSON object"),
                arguments("12", 0, "has a header that is not a JSON object"),
                arguments(" {}", 0, "has a header that is not a JSON object"),
                arguments("\ufeff{}", 0, "has a header that is not a JSON object"),
                arguments("{", 0, "has a header that is not JSON near character 1"),
                arguments("{a:1}", 0, "has a header that is not JSON near character 2"),
                arguments("{" + a + ",}", 12, "has a header that is not JSON near character 56"),
                arguments("{}\0\0", 0, "has a header that is not JSON near character 3"),
                arguments("{}{}", 0, "has more in its header than one JSON object"),
                arguments("{} 1", 0, "has more in its header than one JSON object"),
                // Names
                arguments("{" + a + "," + a + "}", 12, "names tensor \"a\" twice"),
                arguments("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "names tensor \"__metadata__\" twice"),
                arguments(
                        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,4]}}",
                        4,
                        "has a key twice in its description of \"a\""),
                arguments(
                        "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}",
                        0,
                        "has a key twice in its description of \"__metadata__\""),
                // Metadata
                arguments("{\"__metadata__\":[]}", 0, "has a __metadata__ that is not a JSON object"),
                arguments("{\"__metadata__\":null}", 0, "has a __metadata__ that is not a JSON object"),
                arguments("{\"__metadata__\":{\"step\":7}}", 0, "has a __metadata__ \"step\" that is not text"),
                arguments("{\"__metadata__\":{\"a\":{}}}", 0, "has a __metadata__ \"a\" that is not text"),
                arguments("{\"__metadata__\":{\"a\":null}}", 0, "has a __metadata__ \"a\" that is not text"),
                // Entries
                arguments("{\"a\":1}", 0, "describes tensor \"a\" by something other than a JSON object"),
                arguments("{\"a\":null}", 0, "describes tensor \"a\" by something other than a JSON object"),
                arguments("{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "gives tensor \"a\" no dtype"),
                arguments(
                        "{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "gives tensor \"a\" no dtype"),
                arguments(
                        "{" + entry("a", "F8_E4M3", "[4]", "[0,4]") + "}",
                        4,
                        "has tensor \"a\" of dtype \"F8_E4M3\" and only"
                                + " [F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL] are read"),
                arguments(
                        "{" + entry("a", "f32", "[1]", "[0,4]") + "}",
                        4,
                        "has tensor \"a\" of dtype \"f32\" and only"
                                + " [F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL] are read"),
                // Shapes
                arguments("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "gives tensor \"a\" no shape"),
                arguments("{" + entry("a", "F32", "3", "[0,12]") + "}", 12, "gives tensor \"a\" no shape"),
                arguments(
                        "{" + entry("a", "F32", "[-3]", "[0,12]") + "}",
                        12,
                        "gives tensor \"a\" the dimension -3, not a size"),
                arguments(
                        "{" + entry("a", "F32", "[-3,-1]", "[0,12]") + "}",
                        12,
                        "gives tensor \"a\" the dimension -3, not a size"),
                arguments(
                        "{" + entry("a", "F32", "[3.0]", "[0,12]") + "}",
                        12,
                        "gives tensor \"a\" the dimension 3.0, not a size"),
                arguments(
                        "{" + entry("a", "F32", "[\"3\"]", "[0,12]") + "}",
                        12,
                        "gives tensor \"a\" the dimension \"3\", not a size"),
                arguments(
                        "{" + entry("a", "F32", "[[3]]", "[0,12]") + "}",
                        12,
                        "gives tensor \"a\" the dimension [3], not a size"),
                arguments(
                        "{" + entry("a", "F32", "[9223372036854775808]", "[0,12]") + "}",
                        12,
                        "gives tensor \"a\" the dimension 9223372036854775808, not a size"),
                // 2³² × 2³² wraps to 0 and (2⁶³ + 2) × 2 to 4, the bytes that are there.
                arguments(
                        "{" + entry("a", "U8", "[4294967296,4294967296]", "[0,0]") + "}",
                        0,
                        "gives tensor \"a\" a shape of more bytes than a 64-bit number counts"),
                arguments(
                        "{" + entry("a", "U8", "[4611686018427387905,4]", "[0,4]") + "}",
                        4,
                        "gives tensor \"a\" a shape of more bytes than a 64-bit number counts"),
                arguments(
                        "{" + entry("a", "F32", "[4611686018427387905]", "[0,4]") + "}",
                        4,
                        "gives tensor \"a\" a shape of more bytes than a 64-bit number counts"),
                arguments(
                        "{" + entry("a", "F32", "[3]", "[0,11]") + "}",
                        11,
                        "gives tensor \"a\" 11 bytes but its shape [3] of F32 needs 12"),
                arguments(
                        "{" + entry("a", "I64", "[2,0]", "[0,8]") + "}",
                        8,
                        "gives tensor \"a\" 8 bytes but its shape [2,0] of I64 needs 0"),
                arguments(
                        "{" + entry("a", "BF16", "[]", "[0,4]") + "}",
                        4,
                        "gives tensor \"a\" 4 bytes but its shape [] of BF16 needs 2"),
                // Offsets
                arguments(
                        "{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}",
                        4,
                        "gives tensor \"a\" no data_offsets of two sizes in bytes"),
                arguments(
                        "{" + entry("a", "F32", "[]", "[4]") + "}",
                        4,
                        "gives tensor \"a\" no data_offsets of two sizes in bytes"),
                arguments(
                        "{" + entry("a", "F32", "[]", "[0,4,8]") + "}",
                        4,
                        "gives tensor \"a\" no data_offsets of two sizes in bytes"),
                arguments(
                        "{" + entry("a", "F32", "[]", "[0,4.0]") + "}",
                        4,
                        "gives tensor \"a\" no data_offsets of two sizes in bytes"),
                arguments(
                        "{" + entry("a", "F32", "[]", "[\"0\",\"4\"]") + "}",
                        4,
                        "gives tensor \"a\" no data_offsets of two sizes in bytes"),
                arguments(
                        "{" + entry("a", "F32", "[]", "[-4,0]") + "}",
                        4,
                        "gives tensor \"a\" no data_offsets of two sizes in bytes"),
                arguments(
                        "{" + entry("a", "F32", "[]", "[0,18446744073709551620]") + "}",
                        4,
                        "gives tensor \"a\" no data_offsets of two sizes in bytes"),
                arguments(
                        "{" + entry("a", "F32", "[]", "[4,0]") + "}",
                        4,
                        "ends tensor \"a\" at byte 0 before its begin 4"),
                // Places
                arguments(
                        "{" + a + "," + entry("b", "U8", "[4]", "[8,12]") + "}",
                        12,
                        "has tensor \"b\" overlap the one before it"),
                arguments(
                        "{" + a + "," + entry("b", "F32", "[3]", "[0,12]") + "}",
                        12,
                        "has tensor \"b\" overlap the one before it"),
                arguments(
                        "{" + entry("b", "U8", "[1]", "[15,16]") + "," + a + "}",
                        16,
                        "has a hole of 3 bytes before tensor \"b\""),
                arguments("{" + entry("a", "U8", "[2]", "[1,3]") + "}", 3, "has a hole of 1 byte before tensor \"a\""),
                arguments("{" + a + "}", 5, "ends 7 bytes before the end of tensor \"a\", so the file was cut short"),
                arguments("{" + a + "}", 11, "ends 1 byte before the end of tensor \"a\", so the file was cut short"),
                arguments(
                        "{" + entry("a", "U8", "[" + MAX + "]", "[0," + MAX + "]") + "}",
                        7,
                        "ends 9223372036854775800 bytes before the end of tensor \"a\", so the file was cut short"),
                arguments("{" + a + "}", 13, "has 1 byte after its last tensor"),
                arguments("{}", 4, "has 4 bytes after its last tensor"));
    }

    @ParameterizedTest
    @MethodSource("headers")
    void aBrokenHeaderIsNamed(String header, int dataBytes, String expected) {
        assertRefused(RawFile.of(header, dataBytes), expected);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7})
    void aFileShorterThanItsPrefixIsNamed(int bytes) {
        String has = bytes == 1 ? "has 1 byte" : "has " + bytes + " bytes";
        assertRefused(new byte[bytes], has + " and a safetensors file starts with an 8-byte header length");
    }

    @ParameterizedTest
    @ValueSource(longs = {100_000_001, 1L << 31, (1L << 32) + 2, Long.MAX_VALUE, Long.MIN_VALUE, -1})
    void aHeaderOverTheLimitIsNotRead(long length) {
        assertRefused(
                RawFile.of(length, "{}".getBytes(StandardCharsets.UTF_8), 0),
                "says its header has " + Long.toUnsignedString(length)
                        + " bytes, over the format's limit of 100000000");
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 100_000_000})
    void aHeaderLongerThanTheFileIsNotRead(long length) {
        assertRefused(
                RawFile.of(length, "{}".getBytes(StandardCharsets.UTF_8), 0),
                "says its header has " + length
                        + " bytes but only 2 follow, so the file was cut short or is of another format");
    }

    static Stream<byte[]> notUtf8() {
        return Stream.of(
                new byte[] {(byte) 0xff, (byte) 0xfe},
                "{\"größe\":1}".getBytes(StandardCharsets.ISO_8859_1),
                "{\"a\":1}".getBytes(StandardCharsets.UTF_16), // with its byte order mark
                new byte[] {'{', '"', (byte) 0xc0, (byte) 0x80, '"', ':', '1', '}'}, // 0 in two bytes
                new byte[] {'{', '"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"', ':', '1', '}'}); // half a pair
    }

    @ParameterizedTest
    @MethodSource("notUtf8")
    void aHeaderThatIsNotUtf8IsNamed(byte[] header) {
        assertRefused(RawFile.of(header.length, header, 0), "has a header that is not UTF-8 text");
    }

    @Test
    void anEncodingIsNotGuessed() {
        byte[] header = "{\"a\":1}".getBytes(StandardCharsets.UTF_16LE);
        assertRefused(RawFile.of(header.length, header, 0), "has a header that is not JSON near character 2");
    }

    @Test
    void hostileJsonIsRefusedWithoutFollowingIt() {
        String deep = "[".repeat(100_000);
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsFile.open(RawFile.write(folder, RawFile.of("{\"a\":" + deep, 0))))
                .withMessageContaining("has a header that is not JSON near character ");
        String digits = "1".repeat(100_000);
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsFile.open(RawFile.write(
                        folder, RawFile.of("{" + entry("a", "U8", "[" + digits + "]", "[0,1]") + "}", 1))))
                .withMessageContaining("has a header that is not JSON near character ");
    }

    @Test
    void messagesStayShortAndHarmless() {
        assertRefused(
                RawFile.of("{\"" + "x".repeat(1_000_000) + "\":1}", 0),
                "describes tensor \"" + "x".repeat(100) + "…\" by something other than a JSON object");
        assertRefused(
                RawFile.of("{\"\\u001b[2J\\n\\u009b%s\":1}", 0),
                "describes tensor \"?[2J??%s\" by something other than a JSON object");
    }

    @Test
    void filesThatAreNoFilesAreNamed() throws Exception {
        Path missing = folder.resolve("missing.safetensors");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsFile.open(missing))
                .withMessage("cannot read %s: it does not exist", missing);
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsFile.open(folder))
                .withMessage("cannot read %s: it is a folder", folder);
        Path below = RawFile.write(folder, new byte[9]).resolve("below");
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsFile.open(below))
                .withMessageStartingWith("cannot read " + below + ": ");
    }

    @Test
    void anUnreadableFileIsNamed() throws Exception {
        assumeThat(FileSystems.getDefault().supportedFileAttributeViews()).contains("posix");
        Path file = RawFile.write(folder, RawFile.of("{}", 0));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("-w-------"));
        assumeThat(Files.isReadable(file)).as("root reads everything").isFalse();
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsFile.open(file))
                .withMessage("cannot read %s: permission denied", file);
    }

    private void assertRefused(byte[] bytes, String expected) {
        Path file = RawFile.write(folder, bytes);
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsFile.open(file))
                .withMessage("%s", "safetensors file " + file + " " + expected)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }
}
