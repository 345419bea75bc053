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
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the compiler says of the Hopper kernels, wherever nvcc is there: no GPU is needed for that. */
class HopperSourceTest {
    private static final Pattern SPILLS = Pattern.compile("\\d+ bytes spill stores, \\d+ bytes spill loads");

    @TempDir
    private Path folder;

    @BeforeEach
    void sourcesInFolder() throws IOException {
        Nvcc.assumeThere();
        for (String name : List.of("common.cuh", "join.cuh", "merge.cuh", "finish.cuh", "forward.cu", "backward.cu")) {
            try (InputStream in = AttentionKernel.class.getResourceAsStream("hopper/" + name)) {
                Files.copy(in, folder.resolve(name));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "forward,64,0,1,0",
        "forward,64,0,1,2",
        "forward,64,0,1,3",
        "forward,64,1,0,3",
        "forward,64,0,0,0",
        "forward,64,0,0,2",
        "forward,128,0,1,0",
        "forward,128,0,1,2",
        "forward,128,0,1,3",
        "forward,128,1,0,3",
        "forward,128,0,0,0",
        "forward,128,0,0,2",
        "backward,64,0,1,0",
        "backward,64,0,1,2",
        "backward,64,0,1,3",
        "backward,64,1,0,3",
        "backward,64,0,0,0",
        "backward,64,0,0,2",
        "backward,128,0,1,0",
        "backward,128,0,1,2",
        "backward,128,0,1,3",
        "backward,128,1,0,3",
        "backward,128,0,0,0",
        "backward,128,0,0,2"
    })
    void compilesWithoutSpillsAndWithoutWaitingBetweenMatrixProducts(
            String source, int d, int half, int causal, int cycle) throws IOException, InterruptedException {
        List<String> options = List.of(
                "--std=c++17",
                "--use_fast_math",
                "-DD=" + d,
                "-DHALF=" + half,
                "-DCAUSAL=" + causal,
                "-DCYCLE=" + cycle,
                source + ".cu");
        String said = nvcc(options, "-gencode=arch=compute_90a,code=sm_90a", "-cubin", "-Xptxas=-v", "-o", "out.cubin");
        // C75xx: the compiler has serialized matrix products or ignored the registers that were asked for.
        assertThat(said).doesNotContain("C75").doesNotContain("warning");
        Matcher spills = SPILLS.matcher(said);
        int kernels = 0;
        for (; spills.find(); kernels++) {
            assertThat(spills.group()).isEqualTo("0 bytes spill stores, 0 bytes spill loads");
        }
        assertThat(kernels).as("kernels that the compiler reports on").isEqualTo(source.equals("forward") ? 2 : 3);
        nvcc(options, "-arch=compute_90a", "-ptx", "-o", "out.ptx");
        assertThat(Files.readString(folder.resolve("out.ptx")))
                .contains("wgmma.mma_async")
                .contains("cp.async.bulk.tensor.5d");
    }

    /** Java fills the struct by these offsets. */
    @Test
    void paramsLieWhereTheyAreWritten() throws IOException, InterruptedException {
        String source = """
                #include <cstddef>
                #include "join.cuh"
                static_assert(sizeof(Map) == 128 && sizeof(Params) == %d && MAX_BRANCHES == %d);
                static_assert(offsetof(Params, map) == 0 && offsetof(Params, branch) == %d && sizeof(Branch) == %d);
                static_assert(offsetof(Branch, w) == 0 && offsetof(Branch, r) == %d && offsetof(Branch, group) == 8);
                static_assert(offsetof(Branch, segments) == 12 && offsetof(Branch, tiles) == 16);
                static_assert(offsetof(Branch, firstTile) == %d && offsetof(Branch, rows) == 24);
                static_assert(offsetof(Branch, partial) == 32 && offsetof(Branch, stats) == 40);
                static_assert(offsetof(Params, branches) == %d && offsetof(Params, tiles) == %d && offsetof(Params, B) == %d);
                static_assert(offsetof(Params, N) == %7$d + 4 && offsetof(Params, H) == %7$d + 8);
                static_assert(offsetof(Params, Hk) == %7$d + 12 && offsetof(Params, width) == %7$d + 16);
                static_assert(offsetof(Params, scale) == %d && offsetof(Params, lengths) == %d && offsetof(Params, next) == %d);
                static_assert(offsetof(Params, base) == %d && offsetof(Params, out) == %d && offsetof(Params, lse) == %d);
                static_assert(offsetof(Params, partOut) == %d && offsetof(Params, partLse) == %d);
                static_assert(offsetof(Params, stats) == %d && offsetof(Params, dq) == %d);
                static_assert(offsetof(Params, dk) == %d && offsetof(Params, dv) == %d);
                static_assert(offsetof(Params, partDk) == %d && offsetof(Params, partDv) == %d);
                static_assert(offsetof(Params, rowK) == %d && offsetof(Params, turn) == %d);
                static_assert(offsetof(Params, inner) == %d && offsetof(Params, below) == %d && MAX_HEADS == %d && BATCH == %d);
                """.replace("%7$d", String.valueOf(HopperParams.B));
        Object[] offsets = Stream.of(
                        HopperParams.BYTES,
                        HopperParams.MOST_BRANCHES,
                        HopperParams.BRANCH,
                        HopperParams.BRANCH_BYTES,
                        HopperParams.BRANCH_RATIO,
                        HopperParams.BRANCH_FIRST_TILE,
                        HopperParams.BRANCHES,
                        HopperParams.TILES,
                        HopperParams.B,
                        HopperParams.SCALE,
                        HopperParams.LENGTHS,
                        HopperParams.NEXT,
                        HopperParams.BASE,
                        HopperParams.OUT,
                        HopperParams.LSE,
                        HopperParams.PART_OUT,
                        HopperParams.PART_LSE,
                        HopperParams.STATS,
                        HopperParams.DQ,
                        HopperParams.DK,
                        HopperParams.DV,
                        HopperParams.PART_DK,
                        HopperParams.PART_DV,
                        HopperParams.ROW_K,
                        HopperParams.TURN,
                        HopperParams.INNER,
                        HopperParams.BELOW,
                        HopperParams.MOST_HEADS,
                        HopperKernel.BATCH)
                .toArray();
        Files.writeString(folder.resolve("offsets.cu"), String.format(source, offsets));
        nvcc(
                List.of("offsets.cu"),
                "--std=c++17",
                "-DD=64",
                "-DHALF=0",
                "-DCAUSAL=1",
                "-DCYCLE=2",
                "-arch=compute_90a",
                "-ptx",
                "-o",
                "offsets.ptx");
    }

    private String nvcc(List<String> options, String... more) throws IOException, InterruptedException {
        return Nvcc.run(folder, Stream.concat(Stream.of(more), options.stream()).toList());
    }
}
