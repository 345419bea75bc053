package dev.longnet.recall;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Configs;
import dev.longnet.config.Doc;
import dev.longnet.model.LongNetConfig;

/** Everything that decides what a recall benchmark does. */
@Doc("Everything that decides what a recall benchmark does")
public record RecallConfig(
        @Doc("Facts and questions") RecallTask task,
        @Doc("The model; its vocabulary is the task's") LongNetConfig model,
        @Doc("Training") Lessons train) {
    public RecallConfig {
        requireArgument(
                task != null && model != null && train != null,
                "a recall benchmark needs the three groups task, model and train");
        requireArgument(model.causal(), "model.causal must be true: an answer may not be read before it is given");
        requireArgument(
                !model.pattern().grows(),
                "model.pattern must list its branches, as texts to learn from are read at once; got %s",
                model.pattern());
        model = model.withVocabulary(task.vocabulary());
    }

    /** A model for a CPU: two blocks whose pattern reaches 128K tokens. */
    public static RecallConfig defaults() {
        LongNetConfig model = Configs.with(
                LongNetConfig.defaults(),
                "embedding=64",
                "layers=2",
                "heads=2",
                "keyValueHeads=2",
                "feedForward=128",
                "positions=none",
                "pattern=128:1,128k:8");
        return new RecallConfig(RecallTask.defaults(), model, Lessons.defaults());
    }

    /** The window, in tokens, of a sliding window that costs at most as much as the pattern over a text. */
    public int windowOfSameCost(long length) {
        double pairs = model.pattern().visiblePairs(length, model.heads(), true) / model.heads();
        // A window W has W·N − W(W − 1)/2 pairs; it grows with W up to N.
        int low = 1, high = (int) Math.min(length, Integer.MAX_VALUE / 2);
        while (low < high) {
            int middle = (int) ((low + (long) high + 1) / 2);
            if (middle * (double) length - middle * (middle - 1.0) / 2 <= pairs) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
