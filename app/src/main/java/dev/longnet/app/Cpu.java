package dev.longnet.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the operating system says about the processor.
 *
 * @param model its name
 * @param flags instruction sets by the names of Linux; empty where the system does not list them
 */
record Cpu(String model, Set<String> flags) {
    /** Instruction sets that decide how fast matrix products are. */
    static final List<String> FEATURES = List.of("avx2", "avx512f", "avx512_bf16", "amx_bf16");

    /** OpenBLAS's kernel families by the instruction set they use: 2 for AVX2, 3 for AVX-512; others are slower. */
    private static final Map<String, Integer> OPENBLAS_LEVEL =
            Map.of("haswell", 2, "zen", 2, "excavator", 2, "skylakex", 3, "cooperlake", 3, "sapphirerapids", 3);

    static Cpu read(Path cpuinfo) {
        try (var lines = Files.lines(cpuinfo)) {
            return parse(lines.limit(64).toList());
        } catch (IOException e) {
            return new Cpu(System.getProperty("os.arch"), Set.of());
        }
    }

    static Cpu parse(List<String> cpuinfo) {
        String model = System.getProperty("os.arch");
        Set<String> flags = new TreeSet<>();
        for (String line : cpuinfo) {
            String[] pair = line.split(":", 2);
            String key = pair[0].strip();
            if (pair.length == 2 && key.equals("model name")) {
                model = pair[1].strip();
            } else if (pair.length == 2 && (key.equals("flags") || key.equals("Features"))) {
                flags.addAll(Arrays.asList(pair[1].strip().split("\\s+")));
            }
        }
        return new Cpu(model, flags);
    }

    /** Whether the processor has bfloat16 matrix products. */
    boolean bfloat16() {
        return flags.contains("avx512_bf16") || flags.contains("amx_bf16") || flags.contains("bf16");
    }

    /** Whether this value of OPENBLAS_CORETYPE keeps OpenBLAS from using what the processor has. */
    boolean slowedBy(String coreType) {
        int has = flags.contains("avx512f") ? 3 : flags.contains("avx2") ? 2 : 0;
        return OPENBLAS_LEVEL.getOrDefault(coreType.toLowerCase(Locale.ROOT), 1) < has;
    }
}
