package dev.longnet.app.bench;

/**
 * One line of a benchmark's result.
 *
 * @param op attention, train or generate
 * @param direction "forward" or "forward+backward"
 * @param length tokens of a sequence; for generate those already read
 * @param batch sequences computed together
 * @param heads query heads
 * @param headDim features of a head
 * @param pattern the branches as segment:ratio
 * @param dtype number format of attention, or of a model's matrix products
 * @param kernel attention kernel
 * @param device where it ran
 * @param milliseconds median time of one attention, one optimizer step or one generated token
 * @param flops nominal floating-point operations of it, recomputation not counted
 * @param tflops 10¹² operations a second
 * @param tokensPerSecond tokens of all sequences that it reads or makes, a second
 * @param peakBytes most memory it needed, inputs and weights included, of several ranks that of the largest; null where
 *     that cannot be had
 * @param ranks processes that computed it together
 * @param sentBytes bytes of tensors that the rank that sends most sends to others in one run, counted; null for one rank
 * @param formulaBytes the same of attention by {@link dev.longnet.attention.ShardPlan}'s formula; else null
 */
public record Measurement(
        String op,
        String direction,
        long length,
        int batch,
        int heads,
        int headDim,
        String pattern,
        String dtype,
        String kernel,
        String device,
        double milliseconds,
        double flops,
        double tflops,
        double tokensPerSecond,
        Long peakBytes,
        int ranks,
        Long sentBytes,
        Long formulaBytes) {

    static String direction(boolean backward) {
        return backward ? "forward+backward" : "forward";
    }

    /** Operations in 10¹² a second. */
    static double tflops(double flops, double milliseconds) {
        return flops / milliseconds / 1e9;
    }
}
