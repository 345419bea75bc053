package dev.longnet.eval;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.data.TokenFile;
import dev.longnet.data.Tokenizer;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.Loss;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * What context is worth: the loss on one and the same suffix, given a growing prefix (paper, figure 7b).
 *
 * <p>Samples are spread evenly over the token file. In each, the tokens of the suffix are predicted again and again,
 * once for every context length, from the tokens just before them; so the lengths differ in nothing but what the model
 * may look back on. The longest context also gives the loss by position.
 */
public final class ContextEvaluation {
    private static final int CHUNK = 2048;

    /**
     * Loss with a context of so many tokens, the suffix included.
     *
     * @param loss mean −ln p a token
     * @param perplexity e^loss
     * @param bitsPerByte of the suffix's text
     * @param tokens number of tokens predicted
     */
    public record ByContext(int context, double loss, double perplexity, double bitsPerByte, long tokens) {}

    /** Mean −ln p of tokens at positions [from, to) of the longest context. */
    public record ByPosition(int from, int to, double loss) {}

    public record Result(List<ByContext> byContext, List<ByPosition> byPosition) {}

    /** Hears how many of how many forward passes are done. */
    @FunctionalInterface
    public interface Progress {
        void done(int passes, int of);
    }

    private final LongNetDecoder model;
    private final Execution execution;
    private final Tokenizer tokenizer;

    public ContextEvaluation(LongNetDecoder model, Execution execution, Tokenizer tokenizer) {
        this.model = model;
        this.execution = execution;
        this.tokenizer = tokenizer;
    }

    /**
     * @param contexts context lengths in tokens
     * @param suffix tokens predicted in each sample; less than the shortest context
     * @param samples places in the file to measure at
     */
    public Result run(TokenFile file, int[] contexts, int suffix, int samples, Progress progress) {
        int[] sorted = Arrays.stream(contexts).sorted().distinct().toArray();
        requireArgument(sorted.length > 0, "name at least one context length, such as --context 1k,2k");
        int shortest = sorted[0], longest = sorted[sorted.length - 1];
        requireArgument(
                suffix > 0 && suffix < shortest,
                "a suffix of %d tokens needs every context to be longer, got %d; use a longer context or --suffix %d",
                suffix,
                shortest,
                Math.max(1, shortest / 2));
        requireArgument(samples > 0, "samples must be positive, got %d", samples);
        requireArgument(
                file.tokens() > longest,
                "the longest context of %d tokens needs more held-out text than %d tokens; use shorter contexts or more"
                        + " data",
                longest,
                file.tokens());
        double[] sums = new double[sorted.length];
        double[] positionSums = new double[longest];
        long bytes = 0, passes = 0;
        // Ends of the samples: evenly spread, the first one a whole longest context into the file.
        long room = file.tokens() - 1 - longest;
        int places = (int) Math.min(samples, Math.max(1, room / suffix + 1));
        for (int s = 0; s < places; s++) {
            long end = longest + (places == 1 ? room / 2 : room * s / (places - 1));
            int[] window = new int[longest + 1];
            file.read(end - longest, window, 0, window.length);
            bytes += textBytes(Arrays.copyOfRange(window, window.length - suffix, window.length));
            for (int c = 0; c < sorted.length; c++) {
                float[] losses = losses(Arrays.copyOfRange(window, longest - sorted[c], window.length));
                for (int i = losses.length - suffix; i < losses.length; i++) {
                    sums[c] += losses[i];
                }
                if (sorted[c] == longest) {
                    for (int i = 0; i < longest; i++) {
                        positionSums[i] += losses[i];
                    }
                }
                progress.done((int) ++passes, places * sorted.length);
            }
        }
        long predicted = (long) places * suffix;
        List<ByContext> byContext = new ArrayList<>();
        for (int c = 0; c < sorted.length; c++) {
            double loss = sums[c] / predicted;
            byContext.add(new ByContext(sorted[c], loss, Math.exp(loss), sums[c] / Math.log(2) / bytes, predicted));
        }
        return new Result(byContext, byPosition(positionSums, places));
    }

    /** Bytes of text in the tokens; the end of a document is none. */
    private int textBytes(int[] tokens) {
        int end = tokenizer.endOfDocument();
        return tokenizer.decode(Arrays.stream(tokens).filter(t -> t != end).toArray()).length;
    }

    /** −ln p of every token but the first. */
    private float[] losses(int[] tokens) {
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            int n = tokens.length - 1;
            long[] wide = Arrays.stream(tokens).asLongStream().toArray();
            Tensor rows = Tensors.of(wide, model.device(), 1, tokens.length);
            Tensor features = model.features(rows.narrow(1, 0, n), null, 0, execution);
            return Loss.perToken(model, features, rows.narrow(1, 1, n), CHUNK, execution);
        }
    }

    /** Buckets that double from 64 tokens on, so that the first tokens do not drown. */
    private static List<ByPosition> byPosition(double[] sums, int places) {
        List<ByPosition> buckets = new ArrayList<>();
        int from = 0;
        for (int to = 64; from < sums.length; to *= 2) {
            int end = Math.min(to, sums.length);
            buckets.add(
                    new ByPosition(from, end, Arrays.stream(sums, from, end).sum() / ((double) places * (end - from))));
            from = end;
        }
        return buckets;
    }
}
