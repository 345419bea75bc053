package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.longnet.LongNetException;
import dev.longnet.io.SafetensorsFile.Entry;
import dev.longnet.io.SafetensorsWriter.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
    private static final long[][] SHAPES = {
        {}, {1}, {7}, {0}, {3, 0, 2}, {5, 3}, {1, 1, 1}, {2, 1, 3, 1, 2, 1, 1, 1, 1, 2}
    };

    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void name() {
        file = folder.resolve("w.safetensors");
    }

    @Test
    void everyTypeAndShapeComesBack() {
        Random random = new Random(5);
        List<Tensor> tensors = new ArrayList<>();
        List<byte[]> contents = new ArrayList<>();
        for (ElementType type : ElementType.values()) {
            for (long[] shape : SHAPES) {
                byte[] content = new byte[(int) LongStream.of(shape).reduce(1, (a, b) -> a * b) * type.bytes()];
                random.nextBytes(content);
                contents.add(content);
                tensors.add(tensor(type + " " + Arrays.toString(shape), type, shape, content));
            }
        }
        Map<String, String> notes = Map.of("", "empty", "quote\"", "line\nbreak", "größe", "\ud83d\ude00");
        SafetensorsWriter.write(file, notes, tensors);
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThat(read.metadata()).isEqualTo(notes);
            assertThat(read.entries()).hasSize(tensors.size());
            for (int i = 0; i < tensors.size(); i++) {
                Entry entry = read.entries().get(tensors.get(i).name());
                assertThat(entry.type()).isEqualTo(tensors.get(i).type());
                assertThat(entry.shape()).isEqualTo(tensors.get(i).shape());
                assertThat(SafetensorsFileTest.bytes(read, entry)).isEqualTo(contents.get(i));
            }
        }
    }

    @Test
    void theBytesAreThoseOfTheFormat() throws Exception {
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put("z", "w");
        notes.put("k", "v");
        SafetensorsWriter.write(
                file,
                notes,
                List.of(
                        tensor("b", ElementType.U8, new long[] {3}, new byte[] {1, 2, 3}),
                        tensor("a", ElementType.BF16, new long[] {1, 2}, new byte[] {4, 5, 6, 7})));
        String header = "{\"__metadata__\":{\"k\":\"v\",\"z\":\"w\"}"
                + ",\"a\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[0,4]}"
                + ",\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[4,7]}}";
        byte[] bytes = Files.readAllBytes(file);
        int length = (header.length() + 7) / 8 * 8;
        assertThat(bytes).startsWith(length, 0, 0, 0, 0, 0, 0, 0);
        assertThat(new String(bytes, 8, length, StandardCharsets.UTF_8))
                .isEqualTo(header + " ".repeat(length - header.length()));
        assertThat(Arrays.copyOfRange(bytes, 8 + length, bytes.length)).containsExactly(4, 5, 6, 7, 1, 2, 3);
    }

    @Test
    void everyTensorIsAlignedToItsElements() {
        List<Tensor> tensors = new ArrayList<>();
        for (ElementType type : ElementType.values()) {
            tensors.add(0, tensor(type.name(), type, new long[] {3}, new byte[3 * type.bytes()]));
        }
        SafetensorsWriter.write(file, Map.of("odd", "x"), tensors);
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThat(read.entries().values())
                    .allMatch(entry -> entry.begin() % entry.type().bytes() == 0);
            // Equal sizes keep the order they were given in.
            assertThat(read.entries().keySet())
                    .containsExactly("I64", "F64", "I32", "F32", "I16", "BF16", "F16", "BOOL", "U8", "I8");
        }
    }

    @Test
    void headersOfAnyLengthAreAligned() throws Exception {
        for (int length = 1; length <= 9; length++) {
            Tensor tensor = tensor("n".repeat(length), ElementType.U8, new long[] {1}, new byte[] {9});
            SafetensorsWriter.write(file, Map.of(), List.of(tensor));
            byte[] bytes = Files.readAllBytes(file);
            assertThat(bytes[0] % 8).isZero();
            assertThat(bytes).hasSize(8 + bytes[0] + 1).endsWith(9);
            assertThat(new String(bytes, StandardCharsets.UTF_8)).doesNotContain("__metadata__");
        }
    }

    @Test
    void nothingToWriteIsAFileToo() {
        SafetensorsWriter.write(file, Map.of(), List.of());
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThat(read.entries()).isEmpty();
            assertThat(read.metadata()).isEmpty();
        }
    }

    @Test
    void wrongTensorsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> tensor("a", ElementType.U8, new long[] {2, -1}, new byte[0]))
                .withMessage("tensor \"a\" has a negative dimension in shape [2, -1]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> tensor("__metadata__", ElementType.U8, new long[] {}, new byte[1]))
                .withMessage("a tensor cannot have the reserved name \"__metadata__\"");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> tensor("a", ElementType.F32, new long[] {1L << 61}, new byte[0]))
                .withMessage("tensor \"a\" of shape [2305843009213693952] has more bytes than a 64-bit number counts");
    }

    @Test
    void wrongCallsLeaveTheOldFile() throws Exception {
        Files.writeString(file, "old");
        Tensor a = tensor("a", ElementType.U8, new long[] {3}, new byte[3]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(a, a)))
                .withMessage("two tensors are named \"a\"");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SafetensorsWriter.write(file, Collections.singletonMap("k", null), List.of(a)))
                .withMessage("the note \"k\" has no text");
        Tensor half = tensor("\ud83d", ElementType.U8, new long[] {3}, new byte[3]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(half)))
                .withMessage("a tensor's name or a note is not valid Unicode text");
        Tensor more = tensor("more", ElementType.U8, new long[] {3}, new byte[4]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(a, more)))
                .withMessage("tensor \"more\" writes more than its 3 bytes");
        Tensor less = tensor("less", ElementType.I16, new long[] {3}, new byte[1]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(a, less)))
                .withMessage("tensor \"less\" writes 5 bytes less than its 6");
        Tensor broken = new Tensor("broken", ElementType.U8, new long[] {3}, channel -> {
            channel.write(ByteBuffer.wrap(new byte[2]));
            throw new IOException("No space left on device");
        });
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(a, broken)))
                .withMessage("cannot write %s: No space left on device", file);
        assertThat(file).hasContent("old");
        assertThat(folder).isDirectoryNotContaining(path -> !path.equals(file));
    }

    @Test
    void aTensorMayBeWrittenInPiecesAndCloseItsChannel() {
        Tensor pieces = new Tensor("a", ElementType.U8, new long[] {5}, channel -> {
            try (channel) {
                assertThat(channel.write(ByteBuffer.wrap(new byte[] {1, 2}))).isEqualTo(2);
                assertThat(channel.write(ByteBuffer.allocate(0))).isZero();
                assertThat(channel.write(ByteBuffer.wrap(new byte[] {3, 4, 5}))).isEqualTo(3);
                assertThat(channel.isOpen()).isTrue();
            }
        });
        SafetensorsWriter.write(
                file, Map.of(), List.of(pieces, tensor("b", ElementType.U8, new long[] {}, new byte[1])));
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThat(SafetensorsFileTest.bytes(read, read.entries().get("a"))).containsExactly(1, 2, 3, 4, 5);
        }
    }

    static Tensor tensor(String name, ElementType type, long[] shape, byte[] content) {
        return new Tensor(name, type, shape, channel -> channel.write(ByteBuffer.wrap(content)));
    }
}
