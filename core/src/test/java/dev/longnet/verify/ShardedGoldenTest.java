package dev.longnet.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.attention.SequenceShards;
import dev.longnet.attention.ShardedCase;
import dev.longnet.io.SafetensorsFile;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every recorded case of attention, computed in float64 elsewhere, over one to eight ranks. */
class ShardedGoldenTest {
    static Stream<Path> cases() throws Exception {
        return GoldenTest.cases().filter(f -> f.getFileName().toString().startsWith("attention"));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isReproduced(Path file) {
        try (Scope scope = new Scope()) {
            RecordedCase recorded = new RecordedCase(SafetensorsFile.open(file));
            Tensor q = recorded.tensor("q");
            String branches = java.util.regex.Pattern.compile("\\[\\s*(\\d+)\\s*,\\s*(\\d+)\\s*]")
                    .matcher(recorded.metadata("branches"))
                    .results()
                    .map(pair -> pair.group(1) + ":" + pair.group(2))
                    .collect(Collectors.joining(","));
            DilationPattern pattern = DilationPattern.parse(branches);
            AttentionSpec spec =
                    AttentionSpec.of(pattern, Boolean.parseBoolean(recorded.metadata("causal")), q.size(3));
            ShardedCase inputs =
                    new ShardedCase(q, recorded.tensor("k"), recorded.tensor("v"), recorded.tensor("dout"), spec);
            ShardedCase.Answers exact = new ShardedCase.Answers(
                    recorded.tensor("out"),
                    recorded.tensor("lse"),
                    recorded.tensor("dq"),
                    recorded.tensor("dk"),
                    recorded.tensor("dv"));
            // Where scores are so large rounding one of them alone moves a weight by more.
            Tensor lse = exact.lse().masked_fill(exact.lse().isinf(), new Scalar(0.0));
            double bound = Tensors.item(lse.abs().max()) > 30 ? 1e-4 : 1e-5;
            for (int ranks = 1; ranks <= Math.min(8, q.size(1)); ranks++) {
                SequenceShards shards = SequenceShards.of(pattern, q.size(1), ranks);
                inputs.over(shards, AttentionKernel.ATEN)
                        .errors(exact)
                        .forEach((name, error) ->
                                assertThat(error).as(name + " over " + shards).isLessThan(bound));
            }
        }
    }
}
