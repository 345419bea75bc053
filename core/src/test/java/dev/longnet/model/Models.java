package dev.longnet.model;

import dev.longnet.config.Configs;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Tensors;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Small models of odd sizes, and tokens for them. */
final class Models {
    static final int VOCABULARY = 11;

    private Models() {}

    /** Two blocks of six heads of four features, with settings as on the command line on top. */
    static LongNetConfig config(String... settings) {
        String[] small = {
            "vocabulary=" + VOCABULARY,
            "embedding=24",
            "layers=2",
            "heads=6",
            "keyValueHeads=6",
            "feedForward=20",
            "pattern=5:1,13:3",
            "xposScaleBase=16"
        };
        return Configs.with(
                LongNetConfig.defaults(),
                Stream.of(small, settings).flatMap(Stream::of).toArray(String[]::new));
    }

    static LongNetDecoder decoder(ScalarType type, String... settings) {
        Compute.seed(3);
        LongNetDecoder model = new LongNetDecoder(config(settings));
        model.to(type, false);
        return model;
    }

    static int[] text(int length) {
        return new Random(length).ints(length, 0, VOCABULARY).toArray();
    }

    /** One text as tokens (1, N). */
    static Tensor tokens(int... text) {
        return Tensors.of(java.util.Arrays.stream(text).asLongStream().toArray(), Tensors.cpu(), 1, text.length);
    }
}
