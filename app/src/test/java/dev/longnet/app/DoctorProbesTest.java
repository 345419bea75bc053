package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.app.Finding.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DoctorProbesTest {
    private static final Cpu AVX512 = new Cpu("big", Set.of("avx2", "avx512f", "avx512_bf16"));
    private static final Cpu AVX2 = new Cpu("small", Set.of("avx2"));

    @Test
    void readsTheCpuOfLinuxOnBothArchitectures() {
        Cpu x86 = Cpu.parse(List.of("processor\t: 0", "model name\t: Test: CPU", "flags\t\t: fpu avx2 avx512f"));
        assertThat(x86).isEqualTo(new Cpu("Test: CPU", Set.of("fpu", "avx2", "avx512f")));
        Cpu arm = Cpu.parse(List.of("processor : 0", "Features : fp asimd bf16", ""));
        assertThat(arm.bfloat16()).isTrue();
    }

    @Test
    void aSystemWithoutCpuinfoIsNoFailure(@TempDir Path folder) {
        Cpu cpu = Cpu.read(folder.resolve("none"));
        assertThat(cpu.flags()).isEmpty();
        assertThat(new MachineProbe(cpu, Map.of()).features().state()).isEqualTo(State.OK);
    }

    @ParameterizedTest
    @CsvSource({
        "Haswell,true,false",
        "ZEN,true,false",
        "SkylakeX,false,false",
        "Cooperlake,false,false",
        "Nehalem,true,true"
    })
    void saysWhenOpenBlasIsHeldBack(String coreType, boolean slowsAvx512, boolean slowsAvx2) {
        assertThat(AVX512.slowedBy(coreType)).isEqualTo(slowsAvx512);
        assertThat(AVX2.slowedBy(coreType)).isEqualTo(slowsAvx2);
        Finding finding = new MachineProbe(AVX512, Map.of("OPENBLAS_CORETYPE", coreType)).openBlas();
        assertThat(finding.state()).isEqualTo(slowsAvx512 ? State.WARN : State.OK);
        assertThat(finding.advice().contains("unset OPENBLAS_CORETYPE")).isEqualTo(slowsAvx512);
    }

    @Test
    void saysWhenThreadsAreLimitedFromOutside() {
        int cores = Runtime.getRuntime().availableProcessors();
        Map<String, String> more = Map.of("OMP_NUM_THREADS", String.valueOf(cores + 1));
        assertThat(new MachineProbe(AVX2, more).openMp().state()).isEqualTo(State.WARN);
        Map<String, String> same = Map.of("OMP_NUM_THREADS", String.valueOf(cores));
        assertThat(new MachineProbe(AVX2, same).openMp().state()).isEqualTo(State.OK);
    }

    @Test
    void withoutADriverTheGpuIsMissingAndItsLibrariesAreNotAskedFor(@TempDir Path folder) {
        GpuProbe probe = new GpuProbe(folder.resolve("version"), folder.resolve("nvidia0"), Map.of());
        assertThat(probe.found()).isFalse();
        assertThat(probe.findings()).extracting(Finding::state).containsExactly(State.MISSING, State.OK);
    }

    @Test
    void aCardIsFoundWithoutItsDriversName(@TempDir Path folder) throws Exception {
        Path card = Files.createFile(folder.resolve("nvidia0"));
        GpuProbe probe = new GpuProbe(folder.resolve("version"), card, Map.of());
        assertThat(probe.found()).isTrue();
        assertThat(probe.findings())
                .extracting(Finding::what)
                .containsExactly("gpu driver", "gpu", "cuda", "nvrtc", "cudnn", "nccl");
        assertThat(GpuProbe.card("NVIDIA H200, 143771 MiB, 9.0, 580.159.03"))
                .isEqualTo("NVIDIA H200, 143771 MiB, compute capability 9.0, driver 580.159.03");
    }

    @Test
    void namesTheCudaLibrariesThatAreMissing(@TempDir Path folder) throws Exception {
        CudaLibraries libraries = new CudaLibraries(Map.of("LD_LIBRARY_PATH", "/none:" + folder));
        for (String name : List.of(
                "libcudart.so.13",
                "libcupti.so.13",
                "libcublas.so.13",
                "libcurand.so.10",
                "libcusolver.so.12",
                "libcusparse.so.12",
                "libcufile.so.0",
                "libnvrtc.so.13",
                "libcudnn.so.9",
                "libnccl.so.2")) {
            Files.createFile(folder.resolve(name));
        }
        assertThat(libraries.findings().get(0).value()).isIn("not found: libcufft.so.12", "in " + folder);
        assertThat(libraries.findings().subList(1, 4))
                .extracting(Finding::state)
                .containsOnly(State.OK);
        Files.createFile(folder.resolve("libcufft.so.12"));
        assertThat(libraries.findings()).extracting(Finding::value).containsOnly("in " + folder);
    }
}
