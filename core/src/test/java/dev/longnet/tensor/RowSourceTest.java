package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.Nvcc;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the compiler says of the kernels over rows, wherever nvcc is there: no GPU is needed for that. */
class RowSourceTest {
    private static final Pattern SPILLS = Pattern.compile("(\\d+) bytes spill stores, (\\d+) bytes spill loads");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
        "norm.cu,2,-DWIDTH=768 -DRESIDUAL=0 -DACTIVATION=0",
        "norm.cu,2,-DWIDTH=768 -DRESIDUAL=1 -DACTIVATION=0",
        "norm.cu,2,-DWIDTH=3072 -DRESIDUAL=0 -DACTIVATION=1",
        "norm.cu,2,-DWIDTH=1000 -DRESIDUAL=0 -DACTIVATION=2",
        "norm.cu,2,-DWIDTH=8 -DRESIDUAL=0 -DACTIVATION=3",
        "norm.cu,2,-DWIDTH=6144 -DRESIDUAL=1 -DACTIVATION=0",
        "columns.cu,2,''",
        "rotate.cu,1,-DD=64",
        "entropy.cu,1,''"
    })
    void compilesWithoutSpills(String source, int kernels, String defines) throws IOException, InterruptedException {
        requireSpills(source, kernels, defines, 0);
    }

    /** A block of 1024 threads leaves each 64 registers. */
    @Test
    void theWidestRowsSpillLittle() throws IOException, InterruptedException {
        requireSpills("norm.cu", 2, "-DWIDTH=8192 -DRESIDUAL=0 -DACTIVATION=1", 64);
    }

    private void requireSpills(String source, int kernels, String defines, int most)
            throws IOException, InterruptedException {
        Nvcc.assumeThere();
        for (String name : List.of("rows.cuh", source)) {
            try (InputStream in = RowNorm.class.getResourceAsStream("rows/" + name)) {
                Files.copy(in, folder.resolve(name));
            }
        }
        List<String> options = new ArrayList<>(List.of(
                "-gencode=arch=compute_90a,code=sm_90a", "-cubin", "--std=c++17", "--use_fast_math", "-Xptxas=-v"));
        Pattern.compile(" ").splitAsStream(defines).filter(d -> !d.isEmpty()).forEach(options::add);
        options.addAll(List.of("-o", "out.cubin", source));
        String said = Nvcc.run(folder, options);
        assertThat(said).doesNotContain("warning");
        Matcher spills = SPILLS.matcher(said);
        int found = 0;
        for (; spills.find(); found++) {
            assertThat(Integer.parseInt(spills.group(1))).isBetween(0, most);
            assertThat(Integer.parseInt(spills.group(2))).isBetween(0, most);
        }
        assertThat(found).as("kernels that the compiler reports on").isEqualTo(kernels);
    }
}
