package dev.longnet.tensor;

import dev.longnet.InvalidArgumentException;
import dev.longnet.io.ElementType;
import dev.longnet.io.SafetensorsFile;
import dev.longnet.io.SafetensorsFile.Entry;
import dev.longnet.io.SafetensorsWriter;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tensors in safetensors files. */
public final class TensorFile {
    /** Bytes moved at once. */
    private static final int PIECE = 1 << 28;

    private TensorFile() {}

    /**
     * Reads all tensors of a file to the host, in file order.
     *
     * @throws dev.longnet.LongNetException if the file cannot be read or breaks a rule of the format
     */
    public static Map<String, Tensor> load(Path path) {
        try (SafetensorsFile file = SafetensorsFile.open(path);
                Scope scope = new Scope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            file.entries().forEach((name, entry) -> tensors.put(name, read(file, entry)));
            tensors.values().forEach(scope::keep);
            return tensors;
        }
    }

    /** Reads one tensor to the host. */
    public static Tensor read(SafetensorsFile file, Entry entry) {
        try (Scope scope = new Scope()) {
            Tensor tensor = Tensors.empty(Tensors.options(type(entry), Tensors.cpu()), entry.shape());
            long[] at = {0};
            forEachPart(tensor, part -> {
                int count = part.remaining();
                file.read(entry, at[0], part);
                at[0] += count;
            });
            return scope.keep(tensor);
        }
    }

    /**
     * Writes tensors of any device under their names, beside the target and then renamed.
     *
     * @throws IllegalArgumentException if a tensor's type or name cannot be stored
     * @throws dev.longnet.LongNetException if the file cannot be written
     */
    public static void save(Path path, Map<String, String> metadata, Map<String, Tensor> tensors) {
        List<SafetensorsWriter.Tensor> sources = new ArrayList<>();
        tensors.forEach((name, tensor) ->
                sources.add(new SafetensorsWriter.Tensor(name, type(name, tensor), Tensors.shape(tensor), channel -> {
                    try (Scope scope = new Scope()) {
                        Tensor host = tensor.detach().cpu().contiguous();
                        forEachPart(host, part -> {
                            while (part.hasRemaining()) {
                                channel.write(part);
                            }
                        });
                    }
                })));
        SafetensorsWriter.write(path, metadata, sources);
    }

    /**
     * Visits the bytes of a tensor on the host, in order; a buffer holds fewer than 2³¹ and so not all of a large one.
     *
     * @param tensor contiguous
     */
    public static <E extends Exception> void forEachPart(Tensor tensor, PartAction<E> action) throws E {
        long bytes = tensor.nbytes();
        for (long at = 0; at < bytes; at += PIECE) {
            action.accept(Tensors.bytes(tensor, at, (int) Math.min(PIECE, bytes - at)));
        }
    }

    /** Takes some bytes of a tensor. */
    @FunctionalInterface
    public interface PartAction<E extends Exception> {
        void accept(ByteBuffer part) throws E;
    }

    private static ScalarType type(Entry entry) {
        return switch (entry.type()) {
            case F64 -> ScalarType.Double;
            case F32 -> ScalarType.Float;
            case F16 -> ScalarType.Half;
            case BF16 -> ScalarType.BFloat16;
            case I64 -> ScalarType.Long;
            case I32 -> ScalarType.Int;
            case I16 -> ScalarType.Short;
            case I8 -> ScalarType.Char;
            case U8 -> ScalarType.Byte;
            case BOOL -> ScalarType.Bool;
        };
    }

    private static ElementType type(String name, Tensor tensor) {
        return switch (Tensors.type(tensor)) {
            case Double -> ElementType.F64;
            case Float -> ElementType.F32;
            case Half -> ElementType.F16;
            case BFloat16 -> ElementType.BF16;
            case Long -> ElementType.I64;
            case Int -> ElementType.I32;
            case Short -> ElementType.I16;
            case Char -> ElementType.I8;
            case Byte -> ElementType.U8;
            case Bool -> ElementType.BOOL;
            default ->
                throw new InvalidArgumentException(
                        "tensor \"%s\" has type %s and only %s are written; convert it first",
                        name, Tensors.type(tensor), Arrays.toString(ElementType.values()));
        };
    }
}
