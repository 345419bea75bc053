package dev.longnet.train;

/** Hears how training goes, to show it to somebody. */
public interface TrainListener {
    /** Says nothing to anybody. */
    TrainListener NONE = new TrainListener() {};

    /**
     * What one step gave.
     *
     * @param step steps done, of {@code steps}
     * @param tokens tokens trained on so far
     * @param loss mean −ln p of the step's tokens
     * @param gradientNorm norm of all gradients together before clipping
     * @param tokensPerSecond of this step
     * @param seconds time spent training so far
     */
    record Report(
            int step,
            int steps,
            long tokens,
            double loss,
            double learningRate,
            double gradientNorm,
            double tokensPerSecond,
            double seconds) {}

    /**
     * The model stands as it is about to be trained; what was asked for can be done.
     *
     * @param step steps done before
     */
    default void started(int step) {}

    default void step(Report report) {}

    default void heldOut(int step, double loss) {}

    default void saved(int step) {}
}
