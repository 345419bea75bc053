package dev.longnet.verify;

import dev.longnet.LongNetException;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.io.SafetensorsFile;
import dev.longnet.tensor.NumberFormats;
import dev.longnet.tensor.Scope;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What holding this machine's computation against a recorded case gave.
 *
 * @param caseName file name without its ending
 * @param kernel name of the attention kernel
 * @param dtype float32, float64 or bfloat16
 * @param errors relative errors ‖a − b‖/‖b‖ by quantity: out, lse, dq, dk, dv, or logits, features, loss
 * @param ok whether all are within their bounds
 */
public record Verification(String caseName, String kernel, String dtype, Map<String, Double> errors, boolean ok) {
    /**
     * Holds attention, or a whole model where the file holds one, against a recorded case.
     *
     * @param file safetensors file as {@code golden} cases are: metadata {@code branches} and {@code causal} with q, k,
     *     v, dout and the answers, or metadata {@code kind} and {@code config} with weights, tokens and the answers
     * @param dtype float32, float64 or bfloat16
     */
    public static Verification run(Path file, AttentionKernel kernel, String dtype) {
        ScalarType type = NumberFormats.of(dtype);
        try (SafetensorsFile recorded = SafetensorsFile.open(file);
                Scope scope = new Scope()) {
            Map<String, String> metadata = recorded.metadata();
            RecordedCase theCase = new RecordedCase(recorded);
            Map<String, Double> errors = new TreeMap<>();
            boolean ok;
            if (metadata.containsKey("branches")) {
                ok = AttentionCase.check(theCase, kernel, type, errors);
            } else if (metadata.containsKey("kind")) {
                ok = ModelCase.check(theCase, kernel, type, errors);
            } else {
                throw new LongNetException(
                        "%s is no recorded case: its metadata has neither \"branches\" (attention) nor \"kind\" (model)",
                        file);
            }
            String name = file.getFileName().toString().replaceFirst("\\.safetensors$", "");
            return new Verification(name, kernel.name(), dtype, errors, ok);
        }
    }
}
