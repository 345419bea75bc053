package dev.longnet.recall;

/**
 * Answers about facts of one distance.
 *
 * @param attention dilated or window
 * @param distance tokens from the fact to the answer
 * @param samples questions asked, each in a text of its own
 * @param right share of right answers
 * @param covered share of questions whose fact some path of attention leads to the answer, in no more hops than layers
 * @param rightCovered share of right answers among those; null where there are none
 * @param rightOthers share of right answers among the others; null where there are none
 * @param chance share of right answers of who guesses
 */
public record RecallResult(
        String attention,
        int distance,
        int samples,
        double right,
        double covered,
        Double rightCovered,
        Double rightOthers,
        double chance) {}
