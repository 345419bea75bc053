package dev.longnet.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
        assumeTrue(nvccIsThere(), "nvcc is not on the PATH");
        for (String name : List.of("rows.cuh", source)) {
            try (InputStream in = RowNorm.class.getResourceAsStream("rows/" + name)) {
                Files.copy(in, folder.resolve(name));
            }
        }
        List<String> command = new ArrayList<>(List.of(
                "nvcc",
                "-gencode=arch=compute_90a,code=sm_90a",
                "-cubin",
                "--std=c++17",
                "--use_fast_math",
                "-Xptxas=-v"));
        Pattern.compile(" ").splitAsStream(defines).filter(d -> !d.isEmpty()).forEach(command::add);
        command.addAll(List.of(
                "-o",
                folder.resolve("out.cubin").toString(),
                folder.resolve(source).toString()));
        Path log = folder.resolve("nvcc.log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("nvcc ended").isTrue();
        String said = Files.readString(log, StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as(said).isZero();
        assertThat(said).doesNotContain("warning");
        Matcher spills = SPILLS.matcher(said);
        int found = 0;
        for (; spills.find(); found++) {
            assertThat(spills.group()).isEqualTo("0 bytes spill stores, 0 bytes spill loads");
        }
        assertThat(found).as("kernels that the compiler reports on").isEqualTo(kernels);
    }

    private static boolean nvccIsThere() {
        return Pattern.compile(File.pathSeparator)
                .splitAsStream(System.getenv().getOrDefault("PATH", ""))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "nvcc")));
    }
}
