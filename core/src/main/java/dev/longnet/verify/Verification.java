package dev.longnet.verify;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.io.SafetensorsFile;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.NumberFormats;
import dev.longnet.tensor.Scope;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What holding this machine's computation against a recorded case gave.
 *
 * @param caseName file name without its ending
 * @param kernel name of the attention kernel
 * @param dtype float32, float64 or bfloat16
 * @param errors relative errors ‖a − b‖/‖b‖ by quantity: out, lse, dq, dk, dv, or logits, features, loss
 * @param skipped why the kernel cannot compute the case, as a sentence; null where it did
 * @param ok whether no error is out of bounds
 */
public record Verification(
        String caseName, String kernel, String dtype, Map<String, Double> errors, String skipped, boolean ok) {
    /**
     * Refuses a kernel for which this machine lacks something.
     *
     * @param dtype float32, float64 or bfloat16
     * @param device name of a device
     */
    public static void requireUsable(AttentionKernel kernel, String dtype, String device) {
        AttentionSpec spec = AttentionSpec.of(DilationPattern.dense(1), true, 64);
        String obstacle = kernel.obstacle(Compute.device(device), NumberFormats.of(dtype), 1, 64, spec);
        requireArgument(obstacle == null, "attention kernel %s %s", kernel.name(), obstacle);
    }

    /** The device that a kernel is held against recorded cases on, unless another is asked for. */
    public static String usualDevice(AttentionKernel kernel) {
        return kernel == AttentionKernel.HOPPER ? "auto" : "cpu";
    }

    /** The type that a kernel is held against recorded cases in on a device, unless another is asked for. */
    public static String usualType(AttentionKernel kernel, String device) {
        boolean half = kernel == AttentionKernel.HOPPER
                || kernel == AttentionKernel.ATEN && Compute.device(device).is_cuda();
        return half ? "bfloat16" : "float32";
    }

    /** As {@link #run(Path, AttentionKernel, String, String)}, on the kernel's usual device. */
    public static Verification run(Path file, AttentionKernel kernel, String dtype) {
        return run(file, kernel, dtype, usualDevice(kernel));
    }

    /**
     * Holds attention, or a whole model where the file holds one, against a recorded case.
     *
     * @param file safetensors file as {@code golden} cases are: metadata {@code branches} and {@code causal} with q, k,
     *     v, dout and the answers, or metadata {@code kind} and {@code config} with weights, tokens and the answers
     * @param dtype float32, float64 or bfloat16
     * @param deviceName such as cpu or cuda
     */
    public static Verification run(Path file, AttentionKernel kernel, String dtype, String deviceName) {
        return run(file, kernel, dtype, deviceName, RankGroup.ALONE, 0);
    }

    /**
     * The same with the sequence cut over ranks, which all call this and get the same, or read in pieces by one.
     *
     * @param piece tokens of a piece, 0 for the whole sequence at once
     */
    public static Verification run(
            Path file, AttentionKernel kernel, String dtype, String deviceName, RankGroup group, int piece) {
        requireArgument(piece >= 0, "a piece has at least one token, got %d", piece);
        requireArgument(
                piece == 0 || group.size() == 1, "a sequence is read in pieces by one rank, not %d", group.size());
        Device device = Compute.device(deviceName);
        ScalarType type = NumberFormats.of(dtype);
        try (SafetensorsFile recorded = SafetensorsFile.open(file);
                Scope scope = new Scope()) {
            RecordedCase theCase = new RecordedCase(recorded);
            String name = file.getFileName().toString().replaceFirst("\\.safetensors$", "");
            boolean attention = recorded.metadata().containsKey("branches");
            if (!attention && !recorded.metadata().containsKey("kind")) {
                throw new LongNetException(
                        "%s is no recorded case: its metadata has neither \"branches\" (attention) nor \"kind\" (model)",
                        file);
            }
            String obstacle = attention
                    ? AttentionCase.obstacle(theCase, kernel, type, device)
                    : ModelCase.obstacle(theCase, kernel, type, device);
            if (obstacle == null && group.size() > 1) {
                long length = theCase.tensor(attention ? "q" : "tokens").size(1);
                obstacle = length >= group.size()
                        ? null
                        : "cannot cut " + length + " tokens over " + group.size() + " ranks; use fewer";
            }
            if (obstacle == null && piece > 0) {
                boolean causal = attention
                        ? AttentionCase.isCausal(theCase)
                        : theCase.metadata("kind").equals("decoder");
                obstacle = causal ? null : "reads no text in pieces that looks ahead; leave --stream out";
            }
            if (obstacle != null) {
                String sentence = "attention kernel " + kernel.name() + " " + obstacle;
                return new Verification(name, kernel.name(), dtype, Map.of(), sentence, true);
            }
            Map<String, Double> errors = new TreeMap<>();
            boolean ok = attention
                    ? AttentionCase.check(theCase, kernel, type, device, group, piece, errors)
                    : ModelCase.check(theCase, kernel, type, device, group, piece, errors);
            return new Verification(name, kernel.name(), dtype, errors, null, ok);
        }
    }
}
