package dev.longnet.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.NumberFormats;
import dev.longnet.tensor.TestDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every recorded case, computed in float64 elsewhere, with every kernel and type. */
class GoldenTest {
    static Stream<Path> cases() throws Exception {
        try (Stream<Path> files = Files.list(Path.of("src/test/resources/golden"))) {
            return files.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList().stream();
        }
    }

    @Test
    void allCasesAreHere() throws Exception {
        assertThat(cases().filter(f -> f.getFileName().toString().startsWith("attention")))
                .hasSize(14);
        assertThat(cases()).hasSize(17);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isReproduced(Path file) {
        for (AttentionKernel kernel : List.of(AttentionKernel.REFERENCE, AttentionKernel.ATEN)) {
            for (String dtype : NumberFormats.NAMES) {
                Verification result = Verification.run(file, kernel, dtype);
                assertThat(result.ok()).as(result.toString()).isTrue();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isReadInPieces(Path file) {
        for (int piece : new int[] {1, 7, 64}) {
            for (String dtype : List.of("float32", "float64")) {
                Verification result =
                        Verification.run(file, AttentionKernel.ATEN, dtype, "cpu", RankGroup.ALONE, piece);
                assertThat(result.ok()).as("pieces of %d: %s", piece, result).isTrue();
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isReproducedOnAHopperGpu(Path file) {
        TestDevice.hopper();
        Verification result = Verification.run(file, AttentionKernel.HOPPER, "bfloat16");
        assertThat(result.skipped()).isNull();
        assertThat(result.ok()).as(result.toString()).isTrue();
    }
}
