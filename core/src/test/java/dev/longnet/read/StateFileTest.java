package dev.longnet.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateFileTest {
    @TempDir
    Path folder;

    private static LongNetDecoder model(int seed) {
        Compute.seed(seed);
        LongNetConfig small = new LongNetConfig(
                32,
                16,
                2,
                2,
                2,
                32,
                DilationPattern.parse("4:1,16:4..."),
                true,
                LongNetConfig.Positions.ROTARY,
                10_000,
                512,
                LongNetConfig.Norm.SUBLN,
                LongNetConfig.Activation.GELU,
                true,
                true,
                0,
                1e-5);
        return new LongNetDecoder(small);
    }

    @Test
    void aTextGoesOnFromItsFile() throws IOException {
        int[] text = IntStream.range(0, 77).map(i -> i * 7 % 32).toArray();
        Path file = folder.resolve("memory.lns");
        try (Scope scope = new Scope()) {
            LongNetDecoder model = model(1);
            StateFile states = new StateFile(model);
            try (LongNetDecoder.Session session = model.newSession(Execution.PLAIN);
                    LongNetDecoder.Session again = model.newSession(Execution.PLAIN)) {
                session.read(text);
                states.save(file, session, Map.of("title", "numbers"));
                assertThat(states.load(file, again)).containsEntry("title", "numbers");
                assertThat(again.position()).isEqualTo(77);
                Tensor want = session.read(3, 5);
                assertThat(Tensors.floats(again.read(3, 5))).isEqualTo(Tensors.floats(want));
            }
            try (LongNetDecoder.Session other = model.newSession(Execution.PLAIN)) {
                assertThatThrownBy(() -> new StateFile(model(2)).load(file, other))
                        .isInstanceOf(LongNetException.class)
                        .hasMessageContaining("is the state of another model");
                byte[] bytes = Files.readAllBytes(file);
                bytes[bytes.length - 3] ^= 1;
                Files.write(file, bytes);
                assertThatThrownBy(() -> states.load(file, other))
                        .isInstanceOf(LongNetException.class)
                        .hasMessageContaining("is damaged (its checksum is another one)");
                assertThat(other.position()).isZero();
                Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
                assertThatThrownBy(() -> states.load(file, other)).isInstanceOf(LongNetException.class);
            }
        }
    }

    @Test
    void lossesByPositionAreReadBack() {
        LossByPosition losses = new LossByPosition();
        losses.add(1000, new float[] {1, 2, 4});
        losses.add(1023, new float[] {3, 5});
        assertThat(losses.add(0, new float[] {1, Float.NaN})).isFalse();
        assertThat(losses.ranges())
                .containsExactly(new LossByPosition.Range(0, 1024, 2.5, 4), new LossByPosition.Range(1024, 2048, 5, 1));
        assertThat(losses.latest()).isEqualTo(3);
        assertThat(losses.latest()).isNaN();
        assertThat(LossByPosition.parse(losses.toString()).ranges()).isEqualTo(losses.ranges());
    }
}
