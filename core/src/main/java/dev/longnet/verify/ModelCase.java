package dev.longnet.verify;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import dev.longnet.attention.AttentionKernel;
import dev.longnet.attention.AttentionSpec;
import dev.longnet.attention.SequenceShards;
import dev.longnet.io.SafetensorsFile;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNet;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.model.LongNetEncoder;
import dev.longnet.model.TorchscaleConfig;
import dev.longnet.model.Weights;
import dev.longnet.ranks.RankGroup;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A whole model of torchscale's against its recorded logits, loss or features; within 1e-5 in float32. */
final class ModelCase {
    private ModelCase() {}

    /** Why the kernel cannot compute the model's attention, or null. */
    static String obstacle(RecordedCase recorded, AttentionKernel kernel, ScalarType type, Device device) {
        LongNetConfig config = config(recorded);
        AttentionSpec spec = AttentionSpec.of(config.pattern(), true, config.headDim());
        // On the CPU bfloat16 is for products alone.
        ScalarType attended = type == ScalarType.BFloat16 && device.is_cpu() ? ScalarType.Float : type;
        return kernel.obstacle(device, attended, config.heads(), config.headDim(), spec);
    }

    static boolean check(
            RecordedCase recorded,
            AttentionKernel kernel,
            ScalarType type,
            Device device,
            RankGroup group,
            int piece,
            Map<String, Double> errors) {
        String kind = recorded.metadata("kind");
        LongNetConfig config = config(recorded);
        requireWeights(recorded, config, kind);
        LongNet model = kind.equals("encoder") ? new LongNetEncoder(config) : new LongNetDecoder(config);
        Weights.copy(
                model,
                recorded.allBut("tokens", "logits", "loss", "features"),
                recorded.file().path().toString());
        if (type == ScalarType.Double) {
            model.to(ScalarType.Double, false);
        }
        model.to(device, false);
        Execution execution = Execution.PLAIN
                .withKernel(kernel)
                .withNumbers(Execution.Numbers.of(type == ScalarType.BFloat16, device));
        try (var off = Gradient.off()) {
            Tensor tokens = recorded.tensor("tokens").to(device, ScalarType.Long);
            Tensor features = piece > 0
                    ? read((LongNetDecoder) model, tokens, execution, piece)
                    : features(model, tokens, execution, group);
            if (model instanceof LongNetDecoder decoder) {
                Tensor logits = decoder.logits(features, execution);
                errors.put("logits", Tensors.relativeError(logits, recorded.tensor("logits")));
                // The recorded loss: every token predicts the one after it.
                long n = tokens.size(1);
                Tensor loss = Ops.crossEntropy(
                                logits.narrow(1, 0, n - 1).flatten(0, 1),
                                tokens.narrow(1, 1, n - 1).flatten(0, 1))
                        .mean();
                errors.put("loss", Tensors.relativeError(loss.view(1), recorded.tensor("loss")));
            } else {
                errors.put("features", Tensors.relativeError(features, recorded.tensor("features")));
            }
        }
        double bound = type == ScalarType.BFloat16 ? 3e-2 : type == ScalarType.Double ? 1e-6 : 1e-5;
        return errors.values().stream().allMatch(error -> error <= bound);
    }

    /** The features of all tokens, which a session reads in pieces. */
    private static Tensor read(LongNetDecoder model, Tensor tokens, Execution execution, int piece) {
        List<Tensor> examples = new ArrayList<>();
        for (long b = 0; b < tokens.size(0); b++) {
            int[] text = Arrays.stream(Tensors.longs(tokens.select(0, b).cpu().contiguous()))
                    .mapToInt(Math::toIntExact)
                    .toArray();
            List<Tensor> pieces = new ArrayList<>();
            try (LongNetDecoder.Session session = model.newSession(execution)) {
                for (int at = 0; at < text.length; at += piece) {
                    pieces.add(session.features(Arrays.copyOfRange(text, at, Math.min(text.length, at + piece))));
                }
            }
            examples.add(Tensors.cat(1, pieces.toArray(Tensor[]::new)));
        }
        return Tensors.cat(0, examples.toArray(Tensor[]::new));
    }

    /** The features of all tokens, of which each rank computes its shard. */
    private static Tensor features(LongNet model, Tensor tokens, Execution execution, RankGroup group) {
        if (group.size() == 1) {
            return model.features(tokens, execution);
        }
        SequenceShards shards = SequenceShards.of(model.config().pattern(), tokens.size(1), group.size());
        int rank = group.rank();
        Tensor mine = model.features(
                tokens.narrow(1, shards.start(rank), shards.count(rank)),
                null,
                shards.stretch(rank),
                execution.withKernel(AttentionKernel.over(group, shards, execution.kernel())));
        return WholeKernel.gather(group, mine, 1, shards);
    }

    /** A damaged configuration must not decide how much memory is taken; the file's own length does. */
    private static void requireWeights(RecordedCase recorded, LongNetConfig config, String kind) {
        double table = (double) config.vocabulary() * config.embedding();
        boolean noOutput = kind.equals("encoder") && !config.tiedEmbeddings();
        double needed = config.parameterCount() - (noOutput ? table : 0);
        long held = recorded.file().entries().values().stream()
                .mapToLong(SafetensorsFile.Entry::elements)
                .sum();
        if (needed > held) {
            throw new LongNetException(
                    "%s describes a model of %.4g weights but holds %d numbers in all; restore the file",
                    recorded.file().path(), needed, held);
        }
    }

    private static LongNetConfig config(RecordedCase recorded) {
        return TorchscaleConfig.of(json(recorded), recorded.metadata("kind"));
    }

    private static JsonNode json(RecordedCase recorded) {
        try {
            return new ObjectMapper().readTree(recorded.metadata("config"));
        } catch (JsonProcessingException e) {
            throw new LongNetException(
                    "%s has a configuration that is not JSON: %s",
                    recorded.file().path(), e.getOriginalMessage());
        }
    }
}
