package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Code that is kept on disk comes back whole or not at all. */
class CudaCompilerTest {
    private static final byte[] CODE = {1, 2, 3, 4, 5};

    @Test
    void keepsCode(@TempDir Path folder) {
        Path file = folder.resolve("kernels/some.cubin");
        assertThat(CudaCompiler.kept(file)).isNull();
        CudaCompiler.keep(file, CODE);
        assertThat(CudaCompiler.kept(file)).isEqualTo(CODE);
    }

    @Test
    void aDamagedFileCountsAsNone(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("some.cubin");
        CudaCompiler.keep(file, CODE);
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length++) {
            byte[] part = Arrays.copyOf(whole, length);
            Files.write(file, part);
            assertThat(CudaCompiler.kept(file)).isNull();
        }
        whole[whole.length - 1]++;
        Files.write(file, whole);
        assertThat(CudaCompiler.kept(file)).isNull();
        CudaCompiler.keep(file, CODE);
        assertThat(CudaCompiler.kept(file)).isEqualTo(CODE);
    }

    @Test
    void aFolderThatCannotBeWrittenIsNoFailure(@TempDir Path folder) throws Exception {
        Path file = Files.createFile(folder.resolve("a-file")).resolve("some.cubin");
        CudaCompiler.keep(file, CODE);
        assertThat(CudaCompiler.kept(file)).isNull();
    }
}
