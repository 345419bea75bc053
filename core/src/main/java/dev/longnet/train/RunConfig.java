package dev.longnet.train;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import dev.longnet.data.DataConfig;
import dev.longnet.model.LongNetConfig;

/** Everything that decides what a training run does. */
@Doc("Everything that decides what a training run does")
public record RunConfig(
        @Doc("The model: its size, what its attention sees, and how its blocks are built")
        LongNetConfig model,

        @Doc("The text and how it becomes tokens") DataConfig data,

        @Doc("Batches, optimizer, precision, and how often the run evaluates, saves and reports")
        TrainConfig train) {

    public RunConfig {
        requireArgument(
                model != null && data != null && train != null, "a run needs the three groups model, data and train");
        requireArgument(
                model.causal(), "model.causal must be true to train a language model; an encoder is used from Java");
    }

    /** The defaults of the three groups. */
    public static RunConfig defaults() {
        return new RunConfig(LongNetConfig.defaults(), DataConfig.defaults(), TrainConfig.defaults());
    }

    /** The same run of another model. */
    public RunConfig withModel(LongNetConfig model) {
        return new RunConfig(model, data, train);
    }

    /** The same run on other data. */
    public RunConfig withData(DataConfig data) {
        return new RunConfig(model, data, train);
    }
}
