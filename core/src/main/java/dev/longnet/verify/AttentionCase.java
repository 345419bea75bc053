package dev.longnet.verify;

import dev.longnet.LongNetException;
import dev.longnet.attention.Attention;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Tensors;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention and its gradient against recorded answers.
 *
 * <p>Bounds in float32: 2e-6 for out and lse, 1e-5 for gradients; ten times that where scores are so large (|lse| above
 * 30) that rounding a score alone moves a weight by that much. In bfloat16 the inputs are rounded first and the answers
 * computed again from the rounded inputs by the plain kernel in float64; the bound is a few roundings of the output.
 */
final class AttentionCase {
    private static final Pattern PAIR = Pattern.compile("\\[\\s*(\\d+)\\s*,\\s*(\\d+)\\s*]");

    private AttentionCase() {}

    static boolean check(RecordedCase recorded, AttentionKernel kernel, ScalarType type, Map<String, Double> errors) {
        Tensor q = recorded.tensor("q").to(type),
                k = recorded.tensor("k").to(type),
                v = recorded.tensor("v").to(type);
        Tensor dout = recorded.tensor("dout").to(type);
        AttentionSpec spec =
                AttentionSpec.of(branches(recorded), Boolean.parseBoolean(recorded.metadata("causal")), q.size(3));
        Answers expected = type == ScalarType.BFloat16
                ? answers(wide(q), wide(k), wide(v), wide(dout), spec, AttentionKernel.REFERENCE)
                : new Answers(
                        recorded.tensor("out"),
                        recorded.tensor("lse"),
                        recorded.tensor("dq"),
                        recorded.tensor("dk"),
                        recorded.tensor("dv"));
        Answers got = answers(q, k, v, dout, spec, kernel);
        errors.put("out", Tensors.relativeError(got.out, expected.out));
        errors.put("lse", Tensors.relativeError(finite(got.lse), finite(expected.lse)));
        errors.put("dq", Tensors.relativeError(got.dq, expected.dq));
        errors.put("dk", Tensors.relativeError(got.dk, expected.dk));
        errors.put("dv", Tensors.relativeError(got.dv, expected.dv));
        double largest = finite(expected.lse).abs().max().item_double();
        double slack = largest > 30 ? 10 : 1;
        return errors.entrySet().stream()
                .allMatch(e -> e.getValue() <= slack * bound(type, e.getKey().startsWith("d")));
    }

    private static double bound(ScalarType type, boolean gradient) {
        return switch (type) {
            case Double -> gradient ? 1e-11 : 1e-12;
            case BFloat16 -> gradient ? 2e-2 : 5e-3;
            default -> gradient ? 1e-5 : 2e-6;
        };
    }

    private record Answers(Tensor out, Tensor lse, Tensor dq, Tensor dk, Tensor dv) {}

    private static Answers answers(
            Tensor q, Tensor k, Tensor v, Tensor dout, AttentionSpec spec, AttentionKernel kernel) {
        AttentionKernel.Result r = Attention.forward(q, k, v, spec, kernel);
        AttentionKernel.Gradients g = kernel.backward(dout, q, k, v, r.out(), r.lse(), spec);
        return new Answers(r.out(), r.lse(), g.dq(), g.dk(), g.dv());
    }

    /** Rows that see nothing have lse −∞; the places count, the value is replaced to compare the others. */
    private static Tensor finite(Tensor lse) {
        return lse.masked_fill(lse.isinf(), new Scalar(-30.0));
    }

    private static Tensor wide(Tensor tensor) {
        return tensor.to(ScalarType.Double);
    }

    private static DilationPattern branches(RecordedCase recorded) {
        List<String> branches = PAIR.matcher(recorded.metadata("branches"))
                .results()
                .map(pair -> pair.group(1) + ":" + pair.group(2))
                .toList();
        if (branches.isEmpty()) {
            throw new LongNetException(
                    "%s has branches %s; write them as [[2048, 1], [4096, 2]]",
                    recorded.file().path(), recorded.metadata("branches"));
        }
        return DilationPattern.parse(String.join(",", branches));
    }
}
