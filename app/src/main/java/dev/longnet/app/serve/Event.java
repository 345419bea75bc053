package dev.longnet.app.serve;

import dev.longnet.generate.Course;
import dev.longnet.read.LossByPosition;
import java.util.List;
import java.util.Map;

/** What the model's thread tells the one that answers a request. */
sealed interface Event {
    /**
     * More of a text.
     *
     * @param choice number of the text
     * @param tokens with their probabilities, as the client asked; empty for none
     * @param end why it has ended, or null
     */
    record Piece(int choice, String text, List<Token> tokens, Course.End end, int made) implements Event {}

    /**
     * A token and how likely it was.
     *
     * @param text as the client is shown it
     * @param offset characters of its text before it
     * @param logprob ln p, or null for one that nothing stands before
     * @param likely the most likely tokens there with their ln p, the most likely first
     */
    record Token(String text, int offset, Double logprob, Map<String, Double> likely) {}

    /** Text that is being read. */
    record Progress(long tokens, long total, double tokensPerSecond, double loss, List<LossByPosition.Range> byPosition)
            implements Event {}

    /** All is done. */
    record Done(Object result) implements Event {}

    /** It will not be done. */
    record Failed(Throwable cause) implements Event {}
}
