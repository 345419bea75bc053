package dev.longnet.verify;

import dev.longnet.LongNetException;
import dev.longnet.attention.Attention;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Tensors;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention and its gradient against recorded answers.
 *
 * <p>Bounds in float32: 2e-6 for out and lse, 1e-5 for gradients; ten times that where scores are so large (|lse| above
 * 30) that rounding a score alone moves a weight by that much. In bfloat16 the inputs are rounded first and the answers
 * computed again from the rounded inputs by the plain kernel in float64; the bound is a few roundings of the output, or
 * for kernel hopper twice the error that aten makes in bfloat16 on the same inputs.
 */
final class AttentionCase {
    private static final Pattern PAIR = Pattern.compile("\\[\\s*(\\d+)\\s*,\\s*(\\d+)\\s*]");

    /** What float32 sums leave of an answer that is 0. */
    private static final double FLOOR = 1e-4;

    private AttentionCase() {}

    /** Why the kernel cannot compute the case, or null. */
    static String obstacle(RecordedCase recorded, AttentionKernel kernel, ScalarType type, Device device) {
        Tensor q = recorded.tensor("q");
        return kernel.obstacle(device, type, q.size(2), q.size(3), spec(recorded, q));
    }

    /** Whether it can be read in pieces. */
    static boolean isCausal(RecordedCase recorded) {
        return Boolean.parseBoolean(recorded.metadata("causal"));
    }

    static boolean check(
            RecordedCase recorded,
            AttentionKernel kernel,
            ScalarType type,
            Device device,
            RankGroup group,
            int piece,
            Map<String, Double> errors) {
        Tensor q = recorded.tensor("q").to(type),
                k = recorded.tensor("k").to(type),
                v = recorded.tensor("v").to(type);
        Tensor dout = recorded.tensor("dout").to(type);
        AttentionSpec spec = spec(recorded, q);
        Answers expected = type == ScalarType.BFloat16
                ? answers(wide(q), wide(k), wide(v), wide(dout), spec, AttentionKernel.REFERENCE)
                : new Answers(
                        recorded.tensor("out"),
                        recorded.tensor("lse"),
                        recorded.tensor("dq"),
                        recorded.tensor("dk"),
                        recorded.tensor("dv"));
        Answers got = answers(
                q.to(device, type),
                k.to(device, type),
                v.to(device, type),
                dout.to(device, type),
                spec,
                piece > 0
                        ? new PiecewiseKernel(piece, kernel)
                        : group.size() == 1 ? kernel : new WholeKernel(group, kernel));
        errors.putAll(got.errors(expected));
        if (kernel == AttentionKernel.HOPPER) {
            Map<String, Double> usual =
                    answers(q, k, v, dout, spec, AttentionKernel.ATEN).errors(expected);
            return errors.entrySet().stream().allMatch(e -> e.getValue() <= Math.max(FLOOR, 2 * usual.get(e.getKey())));
        }
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

    private record Answers(Tensor out, Tensor lse, Tensor dq, Tensor dk, Tensor dv) {
        Map<String, Double> errors(Answers expected) {
            return Map.of(
                    "out", Tensors.relativeError(out, expected.out),
                    "lse", Tensors.relativeError(finite(lse), finite(expected.lse)),
                    "dq", Tensors.relativeError(dq, expected.dq),
                    "dk", Tensors.relativeError(dk, expected.dk),
                    "dv", Tensors.relativeError(dv, expected.dv));
        }
    }

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

    private static AttentionSpec spec(RecordedCase recorded, Tensor q) {
        return AttentionSpec.of(branches(recorded), isCausal(recorded), q.size(3));
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
