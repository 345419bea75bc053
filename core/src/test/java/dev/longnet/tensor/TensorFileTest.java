package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.longnet.LongNetException;
import dev.longnet.io.SafetensorsFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorFileTest {
    /** Written by the safetensors package for Python, version 0.8.0. */
    private static final Path OFFICIAL = Path.of("src/test/resources/safetensors/official.safetensors");

    private final Scope scope = new Scope();

    @TempDir
    Path folder;

    @AfterEach
    void free() {
        scope.close();
    }

    @Test
    void readsTheNumbersTheOfficialWriterWrote() {
        Map<String, Tensor> tensors = TensorFile.load(OFFICIAL);
        assertThat(tensors.keySet())
                .containsExactly(
                        "i64",
                        "f64",
                        "empty",
                        "f32",
                        "größe",
                        "i32",
                        "bf16",
                        "f16",
                        "i16",
                        "nine.dims",
                        "i8",
                        "u8",
                        "bool");
        assertTensor(tensors.get("f64"), ScalarType.Double, new long[] {1, 3}, 1.5, -2.25, Double.POSITIVE_INFINITY);
        assertTensor(tensors.get("f32"), ScalarType.Float, new long[] {5}, 1, -0.0, Double.NaN, 3e38f, Float.MIN_VALUE);
        assertTensor(tensors.get("f16"), ScalarType.Half, new long[] {3, 1}, 1, 65504, -0.333251953125);
        assertTensor(tensors.get("bf16"), ScalarType.BFloat16, new long[] {3}, 1, -3.140625, 0x1.94p99);
        assertTensor(tensors.get("i32"), ScalarType.Int, new long[] {}, -7);
        assertTensor(tensors.get("i16"), ScalarType.Short, new long[] {1, 2}, -32768, 32767);
        assertTensor(tensors.get("i8"), ScalarType.Char, new long[] {3}, -128, 127, 5);
        assertTensor(tensors.get("u8"), ScalarType.Byte, new long[] {3}, 255, 0, 1);
        assertTensor(tensors.get("bool"), ScalarType.Bool, new long[] {3}, 1, 0, 1);
        assertTensor(tensors.get("empty"), ScalarType.Float, new long[] {3, 0, 2});
        assertTensor(
                tensors.get("nine.dims"), ScalarType.Short, new long[] {1, 1, 2, 1, 1, 3, 1, 1, 1}, 0, 1, 2, 3, 4, 5);
        assertTensor(tensors.get("größe"), ScalarType.Float, new long[] {1}, 9);
        assertThat(Tensors.longs(tensors.get("i64"))).containsExactly(Long.MAX_VALUE, Long.MIN_VALUE, 0);
    }

    @ParameterizedTest
    @EnumSource(
            value = ScalarType.class,
            names = {"Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"})
    void everyTypeComesBack(ScalarType type) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put(
                "matrix",
                Tensors.of(new double[] {0, 1, 2, 3, 100, 127}, Tensors.cpu(), 2, 3)
                        .to(Tensors.cpu(), type));
        tensors.put("scalar", Tensors.full(3, Tensors.options(type, Tensors.cpu())));
        tensors.put("empty", Tensors.empty(Tensors.options(type, Tensors.cpu()), 0, 5));
        Path file = folder.resolve("t.safetensors");
        TensorFile.save(file, Map.of("kind", "test"), tensors);
        Map<String, Tensor> read = TensorFile.load(file);
        assertThat(read.keySet()).containsExactlyElementsOf(tensors.keySet());
        tensors.forEach((name, tensor) -> assertTensor(read.get(name), type, Tensors.shape(tensor), numbers(tensor)));
        try (SafetensorsFile open = SafetensorsFile.open(file)) {
            assertThat(open.metadata()).isEqualTo(Map.of("kind", "test"));
        }
    }

    @Test
    void viewsAndParametersAreWrittenRowMajor() {
        Tensor matrix = Tensors.of(new double[] {1, 2, 3, 4, 5, 6}, Tensors.cpu(), 2, 3);
        Tensor parameter = Tensors.of(new double[] {7, 8}, Tensors.cpu());
        parameter.set_requires_grad(true);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("turned", matrix.t());
        tensors.put("row", matrix.select(0, 1));
        tensors.put("column", matrix.select(1, 1));
        tensors.put("spread", Tensors.of(new double[] {9}, Tensors.cpu()).expand(2, 3));
        tensors.put("parameter", parameter);
        Path file = folder.resolve("t.safetensors");
        TensorFile.save(file, Map.of(), tensors);
        Map<String, Tensor> read = TensorFile.load(file);
        assertTensor(read.get("turned"), ScalarType.Double, new long[] {3, 2}, 1, 4, 2, 5, 3, 6);
        assertTensor(read.get("row"), ScalarType.Double, new long[] {3}, 4, 5, 6);
        assertTensor(read.get("column"), ScalarType.Double, new long[] {2}, 2, 5);
        assertTensor(read.get("spread"), ScalarType.Double, new long[] {2, 3}, 9, 9, 9, 9, 9, 9);
        assertTensor(read.get("parameter"), ScalarType.Double, new long[] {2}, 7, 8);
        assertThat(read.get("parameter").requires_grad()).isFalse();
    }

    @Test
    void aTypeThatCannotBeStoredIsNamedAndTheOldFileKept() throws Exception {
        Path file = Files.writeString(folder.resolve("t.safetensors"), "old");
        Tensor complex = Tensors.zeros(Tensors.options(ScalarType.ComplexFloat, Tensors.cpu()), 3);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TensorFile.save(file, Map.of(), Map.of("wave", complex)))
                .withMessage("tensor \"wave\" has type ComplexFloat and only"
                        + " [F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL] are written; convert it first");
        assertThat(file).hasContent("old");
    }

    @Test
    void aDamagedFileIsNamed() throws Exception {
        byte[] bytes = Files.readAllBytes(OFFICIAL);
        Path file = folder.resolve("cut.safetensors");
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
        assertThatExceptionOfType(LongNetException.class)
                .isThrownBy(() -> TensorFile.load(file))
                .withMessage(
                        "safetensors file %s ends 1 byte before the end of tensor \"bool\", so the file was cut short",
                        file);
    }

    @Test
    void aFileShortenedWhileItIsReadIsNamed() throws Exception {
        Path file = Files.copy(OFFICIAL, folder.resolve("shrinking.safetensors"));
        try (SafetensorsFile open = SafetensorsFile.open(file)) {
            try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
                channel.truncate(channel.size() - 1);
            }
            assertThatExceptionOfType(LongNetException.class)
                    .isThrownBy(() -> TensorFile.read(open, open.entries().get("bool")))
                    .withMessage("cannot read %s: the file was shortened while it was open", file);
            assertTensor(TensorFile.read(open, open.entries().get("u8")), ScalarType.Byte, new long[] {3}, 255, 0, 1);
        }
    }

    @Test
    void whatIsReadBelongsToTheCallersScope() {
        Tensor loaded, read;
        try (Scope inner = new Scope();
                SafetensorsFile open = SafetensorsFile.open(OFFICIAL)) {
            loaded = TensorFile.load(OFFICIAL).get("i8");
            read = TensorFile.read(open, open.entries().get("u8"));
            assertThat(loaded.isNull() || read.isNull()).isFalse();
        }
        assertThat(loaded.isNull()).isTrue();
        assertThat(read.isNull()).isTrue();
    }

    @Test
    void withoutAScopeTheCallerOwnsWhatIsRead() throws Exception {
        double[] numbers = CompletableFuture.supplyAsync(() -> {
                    try (Tensor tensor = TensorFile.load(OFFICIAL).get("i8")) {
                        return Tensors.doubles(tensor);
                    }
                })
                .get();
        assertThat(numbers).containsExactly(-128, 127, 5);
    }

    /** Type, shape and numbers, where NaN equals NaN and 0 is not −0. */
    private static void assertTensor(Tensor tensor, ScalarType type, long[] shape, double... values) {
        assertThat(Tensors.type(tensor)).isEqualTo(type);
        assertThat(Tensors.shape(tensor)).isEqualTo(shape);
        assertThat(numbers(tensor)).containsExactly(values);
    }

    private static double[] numbers(Tensor tensor) {
        return tensor.numel() == 0 ? new double[0] : Tensors.doubles(tensor);
    }
}
