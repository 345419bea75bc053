package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the compiler says of the Hopper kernels, wherever nvcc is there: no GPU is needed for that. */
class HopperSourceTest {
    private static final Pattern SPILLS = Pattern.compile("(\\d+) bytes spill stores, (\\d+) bytes spill loads");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
        "forward,2,64,0,1,16",
        "forward,2,64,1,1,8",
        "forward,2,64,0,0,8",
        "forward,2,128,0,1,16",
        "forward,2,128,1,0,8",
        "backward,3,64,0,1,16",
        "backward,3,64,1,0,8",
        "backward,3,128,0,1,16",
        "backward,3,128,1,0,8"
    })
    void compilesWithoutSpillsAndWithoutWaitingBetweenMatrixProducts(
            String name, int kernels, int d, int half, int causal, int features)
            throws IOException, InterruptedException {
        assumeTrue(nvccIsThere(), "nvcc is not on the PATH");
        Path source = folder.resolve(name + ".cu"), ptx = folder.resolve(name + ".ptx");
        for (String file : List.of("common.cuh", name + ".cu")) {
            try (InputStream in = AttentionKernel.class.getResourceAsStream("hopper/" + file)) {
                Files.copy(in, folder.resolve(file));
            }
        }
        String[] options = {
            "--std=c++17",
            "--use_fast_math",
            "-DD=" + d,
            "-DHALF=" + half,
            "-DCAUSAL=" + causal,
            "-DFEATURES=" + features,
            source.toString()
        };
        String said = nvcc(
                options,
                "-gencode=arch=compute_90a,code=sm_90a",
                "-cubin",
                "-Xptxas=-v",
                "-o",
                folder.resolve(name + ".cubin").toString());
        // C75xx: the compiler has serialized matrix products or ignored the registers that were asked for.
        assertThat(said).doesNotContain("C75").doesNotContain("warning");
        Matcher spills = SPILLS.matcher(said);
        int reported = 0;
        for (; spills.find(); reported++) {
            assertThat(spills.group()).isEqualTo("0 bytes spill stores, 0 bytes spill loads");
        }
        assertThat(reported).as("kernels that the compiler reports on").isEqualTo(kernels);
        nvcc(options, "-arch=compute_90a", "-ptx", "-o", ptx.toString());
        assertThat(Files.readString(ptx)).contains("wgmma.mma_async").contains("cp.async.bulk.tensor.5d");
    }

    private static boolean nvccIsThere() {
        String path = System.getenv().getOrDefault("PATH", "");
        return Pattern.compile(File.pathSeparator)
                .splitAsStream(path)
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "nvcc")));
    }

    private String nvcc(String[] options, String... more) throws IOException, InterruptedException {
        Path log = folder.resolve("nvcc.log");
        ProcessBuilder builder = new ProcessBuilder("nvcc");
        builder.command().addAll(List.of(more));
        builder.command().addAll(List.of(options));
        Process process =
                builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("nvcc ended").isTrue();
        String said = Files.readString(log, StandardCharsets.UTF_8);
        assertThat(process.exitValue()).as(said).isZero();
        return said;
    }
}
