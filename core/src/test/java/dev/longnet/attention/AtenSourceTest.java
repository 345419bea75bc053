package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.Nvcc;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the compiler says of aten/join.cu, wherever nvcc is there: no GPU is needed for that. */
class AtenSourceTest {
    private static final Pattern SPILLS = Pattern.compile("\\d+ bytes spill stores, \\d+ bytes spill loads");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"80,64,0", "80,128,1", "86,96,0", "90a,64,0", "90a,256,1", "90a,8,0", "100,64,0", "120,128,0"})
    void compilesWithoutSpills(String architecture, int d, int half) throws IOException, InterruptedException {
        Nvcc.assumeThere();
        try (InputStream in = AttentionKernel.class.getResourceAsStream("aten/join.cu")) {
            Files.copy(in, folder.resolve("join.cu"));
        }
        String said = Nvcc.run(
                folder,
                List.of(
                        "-gencode=arch=compute_" + architecture + ",code=sm_" + architecture,
                        "-cubin",
                        "--std=c++17",
                        "--use_fast_math",
                        "-Xptxas=-v",
                        "-DD=" + d,
                        "-DHALF=" + half,
                        "-o",
                        "join.cubin",
                        "join.cu"));
        assertThat(said).doesNotContain("warning");
        Matcher spills = SPILLS.matcher(said);
        int kernels = 0;
        for (; spills.find(); kernels++) {
            assertThat(spills.group()).isEqualTo("0 bytes spill stores, 0 bytes spill loads");
        }
        assertThat(kernels).as("kernels that the compiler reports on").isEqualTo(2);
    }
}
