package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.attention.Attention;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import dev.longnet.tensor.Tensors;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifyTest {
    @TempDir
    private Path folder;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(Object... args) {
        List<String> words = new ArrayList<>(List.of("verify"));
        for (Object arg : args) {
            words.add(arg.toString());
        }
        return Main.run(new PrintWriter(out), new PrintWriter(err), false, words.toArray(String[]::new));
    }

    @BeforeEach
    void record() {
        record("good", Map.of("branches", "[[4, 1], [9, 2]]", "causal", "true"), true);
    }

    /** A case of 3 heads over 11 tokens in float64, as the plain kernel computes it. */
    private Path record(String name, Map<String, String> metadata, boolean causal) {
        Path file = folder.resolve(name + ".safetensors");
        try (Scope scope = new Scope()) {
            Compute.seed(1);
            TensorOptions options = Tensors.options(ScalarType.Double, Tensors.cpu());
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String input : List.of("q", "k", "v", "dout")) {
                tensors.put(input, Tensors.randn(options, 1, 11, 3, 6));
            }
            Tensor q = tensors.get("q"), k = tensors.get("k"), v = tensors.get("v");
            AttentionSpec spec = AttentionSpec.of(DilationPattern.parse("4:1,9:2"), causal, 6);
            AttentionKernel.Result result = Attention.forward(q, k, v, spec, AttentionKernel.REFERENCE);
            AttentionKernel.Gradients gradients =
                    AttentionKernel.REFERENCE.backward(tensors.get("dout"), q, k, v, result.out(), result.lse(), spec);
            tensors.put("out", result.out());
            tensors.put("lse", result.lse());
            tensors.put("dq", gradients.dq());
            tensors.put("dk", gradients.dk());
            tensors.put("dv", gradients.dv());
            TensorFile.save(file, metadata, tensors);
        }
        return file;
    }

    @Test
    void showsARowForEachFileAndKernel() {
        assertThat(run(folder)).as(err.toString()).isZero();
        List<String> lines = out.toString().lines().toList();
        assertThat(lines).hasSize(3);
        assertThat(lines.get(0)).matches("case +kernel +dtype +out +lse +dq +dk +dv");
        assertThat(lines.get(1)).matches("good +reference +float32 +(\\d\\.\\de-\\d\\d +){5}ok");
        assertThat(lines.get(2)).matches("good +aten +float32 +(\\d\\.\\de-\\d\\d +){5}ok");
    }

    @Test
    void writesOneObjectALine() throws Exception {
        assertThat(run(folder, "--json", "--kernel", "aten", "--dtype", "bfloat16"))
                .isZero();
        assertThat(out.toString()).hasLineCount(1);
        JsonNode result = new ObjectMapper().readTree(out.toString());
        assertThat(result.get("case").asText()).isEqualTo("good");
        assertThat(result.get("kernel").asText()).isEqualTo("aten");
        assertThat(result.get("dtype").asText()).isEqualTo("bfloat16");
        assertThat(result.get("ok").asBoolean()).isTrue();
        assertThat(result.get("errors").fieldNames()).toIterable().containsExactly("out", "lse", "dq", "dk", "dv");
        assertThat(result.get("errors").get("out").asDouble()).isBetween(1e-6, 5e-3);
    }

    @Test
    void aKernelThatNeedsAGpuSaysSoOnce() {
        assumeThat(Compute.device("auto").is_cpu()).as("there is no GPU").isTrue();
        assertThat(run(folder, "--kernel", "hopper")).isEqualTo(2);
        assertThat(err.toString().lines().findFirst().orElseThrow())
                .contains("attention kernel hopper computes on NVIDIA GPUs of compute capability 9.0")
                .contains("longnet doctor");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void aWrongAnswerFails() {
        record("wrong", Map.of("branches", "[[4, 1], [9, 2]]", "causal", "true"), false);
        assertThat(run(folder, "--kernel", "reference")).isEqualTo(1);
        assertThat(out.toString()).containsPattern("good .* ok").containsPattern("wrong .* FAILED");
    }

    @Test
    void damagedAndForeignFilesAreNamedAndTheOthersGoOn() throws Exception {
        Path short_ = Files.write(folder.resolve("a-short.safetensors"), new byte[] {9, 0, 0});
        Path foreign = record("b-foreign", Map.of("causal", "true"), true);
        Path ragged = record("c-pattern", Map.of("branches", "[[0, 1]]", "causal", "true"), true);
        assertThat(run(folder, folder.resolve("none.safetensors"), "--json")).isEqualTo(1);
        assertThat(err.toString().lines())
                .hasSize(4)
                .allMatch(line -> line.startsWith("longnet verify: "))
                .noneMatch(line -> line.contains("mistake"))
                .satisfiesExactly(
                        line -> assertThat(line).contains(short_.toString()),
                        line -> assertThat(line).contains(foreign.toString(), "no recorded case"),
                        line -> assertThat(line).contains(ragged.toString(), "segment"),
                        line -> assertThat(line).contains("none.safetensors", "does not exist"));
        assertThat(out.toString().lines())
                .hasSize(6)
                .anyMatch(line -> line.contains("\"good\"") && line.endsWith("\"ok\":true}"))
                .anyMatch(line -> line.contains("\"a-short\"") && line.endsWith("\"ok\":false}"));
    }

    @Test
    void aFolderWithoutCasesFails() throws Exception {
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertThat(run(empty)).isEqualTo(1);
        assertThat(err.toString())
                .isEqualToIgnoringNewLines(
                        "longnet verify: " + empty + " holds no .safetensors file; name a folder of recorded cases");
    }

    @Test
    void whatCannotBeReadIsOneSentenceAndTheOthersGoOn() throws Exception {
        Path empty = Files.createFile(folder.resolve("a-empty.safetensors"));
        Path huge = record("b-huge", Map.of("branches", "[[4, 99999999999999999999]]", "causal", "true"), true);
        Path wide = record(
                "c-wide",
                Map.of(
                        "kind",
                        "decoder",
                        "config",
                        "{\"vocab_size\":2000000000,\"decoder_embed_dim\":1200,\"segment_length\":[4],\"dilated_ratio\":[1]}"),
                true);
        assertThat(run(folder, folder.resolve("none"), "--kernel", "aten")).isEqualTo(1);
        assertThat(err.toString().lines())
                .noneMatch(line -> line.contains("mistake"))
                .satisfiesExactly(
                        line -> assertThat(line).contains(empty.toString()),
                        line -> assertThat(line).contains(huge.toString(), "is too large; use at most 2147483647"),
                        line -> assertThat(line)
                                .contains(wide.toString(), "describes a model of 4.8", "restore the file"),
                        line -> assertThat(line).contains("none", "does not exist"));
        assertThat(out.toString()).containsPattern("good .* ok");
    }

    @Test
    void aFolderThatCannotBeReadIsOneSentence() throws Exception {
        Path locked = Files.createDirectory(folder.resolve("locked"));
        Files.setPosixFilePermissions(locked, Set.of());
        assumeThat(Files.isReadable(locked)).as("a superuser may read anything").isFalse();
        assertThat(run(locked, folder.resolve("good.safetensors"), "--kernel", "aten"))
                .isEqualTo(1);
        assertThat(err.toString())
                .contains("cannot read " + locked + ": permission denied")
                .hasLineCount(1);
    }

    @Test
    void aWrongCallIsOneSentenceAndCode2() {
        assertThat(run()).isEqualTo(2);
        assertThat(run(folder, "--dtype", "int8")).isEqualTo(2);
        assertThat(run(folder, "--kernel", "fast")).isEqualTo(2);
        assertThat(err.toString().lines())
                .satisfiesExactly(
                        line -> assertThat(line).contains("CASE"),
                        line -> assertThat(line).contains("dtype \"int8\" is not known; use float32"),
                        line -> assertThat(line).contains("attention kernel \"fast\" is not known"));
        assertThat(out.toString()).isEmpty();
    }
}
