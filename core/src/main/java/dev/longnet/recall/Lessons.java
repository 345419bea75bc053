package dev.longnet.recall;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import dev.longnet.config.Sizes;
import dev.longnet.train.TrainConfig;
import java.util.List;

/** How the model learns: texts that become longer once those of a length are answered. */
@Doc("Training: texts that become longer once those of a length are answered, and the optimizer")
public record Lessons(
        @Doc(
                "Lengths of texts in their order, each with the most steps on it, as length:steps; the last takes all of its"
                        + " steps, and each step of a later stage comes with one of an earlier length")
        List<String> stages,

        @Doc(value = "Tokens of a step, as many texts as fit and at least one", unit = "tokens")
        int tokens,

        @Doc("Most questions of a text") int questions,

        @Doc("Share of right answers, over 20 steps, from which on a stage is done")
        double enough,

        @Doc("Highest learning rate; it falls to a twentieth over the last stage")
        double learningRate,

        @Doc(value = "Steps over which the learning rate rises from 0", unit = "steps")
        int warmup,

        @Doc("AdamW: share of a weight taken off at each step, times the learning rate")
        double weightDecay,

        @Doc("Largest norm of the gradient of all weights together; longer ones are scaled down")
        double clip,

        @Doc("Whether activations are computed again in the backward pass instead of kept")
        boolean recompute,

        @Doc("Number format of matrix products, as in training on text; auto takes bfloat16 on a GPU that has it")
        TrainConfig.Precision precision,

        @Doc("Seed of weights and texts") long seed) {
    public Lessons {
        stages = List.copyOf(stages);
        requireArgument(!stages.isEmpty(), "stages must name at least one length, such as [4k:300]");
        stages.forEach(Stage::parse);
        requireArgument(
                tokens > 0 && questions > 0, "tokens and questions must be positive, got %d, %d", tokens, questions);
        requireArgument(precision != null, "precision must be auto, float32 or bfloat16");
        requireArgument(enough > 0 && enough <= 1, "enough must lie above 0 and up to 1, got %s", enough);
        requireArgument(
                learningRate > 0 && Double.isFinite(learningRate),
                "learningRate must be a finite number above 0, got %s",
                learningRate);
        requireArgument(
                warmup >= 0 && weightDecay >= 0 && clip >= 0,
                "warmup, weightDecay and clip must not be negative, got %d, %s, %s",
                warmup,
                weightDecay,
                clip);
    }

    /** Texts of 512 to 32 768 tokens. */
    public static Lessons defaults() {
        return new Lessons(
                List.of("512:2000", "2k:200", "8k:100", "32k:40"),
                4096,
                128,
                0.98,
                3e-3,
                100,
                0.01,
                1,
                false,
                TrainConfig.Precision.AUTO,
                1);
    }

    /** Texts of one length and the most steps on them. */
    public record Stage(int length, int steps) {
        static Stage parse(String text) {
            String[] parts = text.split(":", -1);
            requireArgument(parts.length == 2, "stage \"%s\" is not length:steps, such as 16k:500", text);
            return new Stage(number(parts[0], text), number(parts[1], text));
        }

        private static int number(String part, String stage) {
            long number = Sizes.parse(part);
            requireArgument(number > 0 && number < 1 << 30, "stage \"%s\" needs numbers above 0 and below 2^30", stage);
            return (int) number;
        }
    }

    /** The stages in their order. */
    public List<Stage> inOrder() {
        return stages.stream().map(Stage::parse).toList();
    }

    /** Texts of a length that are computed together. */
    int batch(int length) {
        return Math.max(1, tokens / length);
    }
}
