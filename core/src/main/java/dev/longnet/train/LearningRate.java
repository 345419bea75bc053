package dev.longnet.train;

/** The learning rate of each step: a linear rise over the warm-up, then the schedule's fall to the last step. */
final class LearningRate {
    private LearningRate() {}

    /** @param step the step about to be made, counted from 1 */
    static double at(int step, TrainConfig config) {
        if (step <= config.warmup()) {
            return config.learningRate() * step / config.warmup();
        }
        double done = (step - config.warmup()) / (double) Math.max(1, config.steps() - config.warmup());
        double left = switch (config.schedule()) {
            case COSINE -> (1 + Math.cos(Math.PI * Math.min(1, done))) / 2;
            case POLYNOMIAL -> 1 - Math.min(1, done);
            case CONSTANT -> 1;
        };
        double low = config.schedule() == TrainConfig.Schedule.CONSTANT ? 0 : config.minLearningRate();
        return low + (config.learningRate() - low) * left;
    }
}
