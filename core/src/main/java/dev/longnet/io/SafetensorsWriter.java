package dev.longnet.io;

import static dev.longnet.Checks.requireArgument;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.InvalidArgumentException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;

/** Writes safetensors files; the target is replaced all at once ({@link AtomicFiles}). */
public final class SafetensorsWriter {
    private static final int ALIGNMENT = 8;

    private SafetensorsWriter() {}

    /** Where a tensor's bytes come from. */
    @FunctionalInterface
    public interface Content {
        /** Writes all of the tensor's elements, row-major and little-endian. */
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    /**
     * A tensor to write.
     *
     * @param name its name, unique in the file
     * @param type type of its elements
     * @param shape its dimensions, row-major; empty for a scalar
     * @param content its bytes, asked for once
     */
    public record Tensor(String name, ElementType type, long[] shape, Content content) {
        public Tensor {
            shape = shape.clone();
            for (long dimension : shape) {
                requireArgument(
                        dimension >= 0,
                        "tensor \"%s\" has a negative dimension in shape %s",
                        name,
                        Arrays.toString(shape));
            }
            try {
                SafetensorsWriter.bytes(type, shape);
            } catch (ArithmeticException e) {
                throw new InvalidArgumentException(
                        "tensor \"%s\" of shape %s has more bytes than a 64-bit number counts",
                        name, Arrays.toString(shape));
            }
            requireArgument(
                    !name.equals(SafetensorsHeader.METADATA), "a tensor cannot have the reserved name \"%s\"", name);
        }

        @Override
        public long[] shape() {
            return shape.clone();
        }

        /** Bytes the tensor takes. */
        public long bytes() {
            return SafetensorsWriter.bytes(type, shape);
        }
    }

    /**
     * Writes a file. Larger element types come first, otherwise the given order is kept, so that every tensor is
     * aligned to its element and readers can map it.
     *
     * @param metadata notes about the file; may be empty
     * @throws IllegalArgumentException if two tensors share a name or one writes other than its shape says
     * @throws dev.longnet.LongNetException if the file cannot be written
     */
    public static void write(Path target, Map<String, String> metadata, List<Tensor> tensors) {
        List<Tensor> ordered = tensors.stream()
                .sorted(Comparator.comparingInt(
                        (Tensor tensor) -> -tensor.type().bytes()))
                .toList();
        byte[] header = header(metadata, ordered);
        requireArgument(
                header.length <= SafetensorsHeader.LIMIT,
                "a header of %d bytes is over the format's limit of %d; write fewer tensors or shorter metadata",
                header.length,
                SafetensorsHeader.LIMIT);
        AtomicFiles.writeChannel(target, channel -> {
            ByteBuffer start = ByteBuffer.allocate(Long.BYTES + header.length).order(ByteOrder.LITTLE_ENDIAN);
            writeFully(channel, start.putLong(header.length).put(header).flip());
            for (Tensor tensor : ordered) {
                TensorChannel bytes = new TensorChannel(channel, tensor);
                tensor.content().writeTo(bytes);
                bytes.requireFull();
            }
        });
    }

    /** Bytes of a tensor; throws ArithmeticException where a 64-bit number cannot count them. */
    static long bytes(ElementType type, long[] shape) {
        long bytes = type.bytes();
        for (long dimension : shape) {
            bytes = Math.multiplyExact(bytes, dimension);
        }
        return bytes;
    }

    private static byte[] header(Map<String, String> metadata, List<Tensor> tensors) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        if (!metadata.isEmpty()) {
            ObjectNode notes = root.putObject(SafetensorsHeader.METADATA);
            // Sorted: the order of an immutable map differs from one JVM to the next, and the same run gives the same
            // file.
            new TreeMap<>(metadata).forEach((key, note) -> {
                requireArgument(note != null, "the note \"%s\" has no text", key);
                notes.put(key, note);
            });
        }
        Set<String> names = new HashSet<>();
        long position = 0;
        for (Tensor tensor : tensors) {
            requireArgument(names.add(tensor.name()), "two tensors are named \"%s\"", tensor.name());
            ObjectNode entry = root.putObject(tensor.name());
            entry.put("dtype", tensor.type().name());
            ArrayNode shape = entry.putArray("shape");
            LongStream.of(tensor.shape()).forEach(shape::add);
            entry.putArray("data_offsets").add(position).add(position += tensor.bytes());
        }
        ByteBuffer text = utf8(root.toString());
        int length = text.remaining();
        byte[] padded = new byte[(length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT];
        text.get(padded, 0, length);
        Arrays.fill(padded, length, padded.length, (byte) ' ');
        return padded;
    }

    private static ByteBuffer utf8(String text) {
        try {
            return StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
        } catch (CharacterCodingException e) {
            throw new InvalidArgumentException(e, "a tensor's name or a note is not valid Unicode text");
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Counts a tensor's bytes, so that a wrong count cannot damage its neighbours. */
    private static final class TensorChannel implements WritableByteChannel {
        private final FileChannel file;
        private final Tensor tensor;
        private long rest;

        TensorChannel(FileChannel file, Tensor tensor) {
            this.file = file;
            this.tensor = tensor;
            rest = tensor.bytes();
        }

        @Override
        public int write(ByteBuffer source) throws IOException {
            int count = source.remaining();
            requireArgument(
                    count <= rest, "tensor \"%s\" writes more than its %d bytes", tensor.name(), tensor.bytes());
            writeFully(file, source);
            rest -= count;
            return count;
        }

        void requireFull() {
            requireArgument(
                    rest == 0, "tensor \"%s\" writes %d bytes less than its %d", tensor.name(), rest, tensor.bytes());
        }

        @Override
        public boolean isOpen() {
            return file.isOpen();
        }

        @Override
        public void close() {
            // The file stays open for the tensors that follow.
        }
    }
}
