package dev.longnet.eval;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
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
 *
 * <p>Segments are counted from the first token that a model is given. Were that always a whole context, then with
 * lengths that are powers of two every suffix would end where a segment does and look back on all of it, the best case
 * of a pattern. So a sample is given between half of the context and all of it: the suffix stands where it stands in the
 * text and the prefix begins later, by shares of the golden ratio, which spread evenly however many samples there are
 * and are the same for every model. The first sample is given all.
 *
 * <p>A suffix without text, only ends of documents, is passed over.
 */
public final class ContextEvaluation {
    private static final int CHUNK = 2048;
    private static final double GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

    /**
     * What is measured where.
     *
     * @param contexts context lengths in tokens, the suffix included; kept in ascending order
     * @param suffix tokens predicted in each sample; less than the shortest context
     * @param samples places in the text to measure at, fewer where suffixes would overlap
     */
    public record Plan(List<Integer> contexts, int suffix, int samples) {
        public Plan {
            contexts = contexts.stream().sorted().distinct().toList();
            requireArgument(!contexts.isEmpty(), "name at least one context length, such as --context 1k,2k");
            int shortest = contexts.get(0);
            requireArgument(
                    suffix > 0 && suffix < shortest,
                    "a suffix of %d tokens needs every context to be longer, got %d; use a longer context or --suffix"
                            + " %d",
                    suffix,
                    shortest,
                    Math.max(1, shortest / 2));
            requireArgument(samples > 0, "samples must be positive, got %d", samples);
        }

        int longest() {
            return contexts.get(contexts.size() - 1);
        }

        /** Tokens that a sample is given where {@code context} are asked for, more than the suffix. */
        int given(int context, int sample) {
            double share = sample * GOLDEN_RATIO % 1;
            return context - (int) (share * Math.min(context / 2, context - suffix));
        }
    }

    /**
     * Loss with a context of up to so many tokens, the suffix included.
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
     * Measures a file of tokens.
     *
     * @throws IllegalArgumentException if the file is not longer than the longest context
     * @throws LongNetException if the perplexity is not finite, or no suffix holds text
     */
    public Result run(TokenFile file, Plan plan, Progress progress) {
        List<Integer> contexts = plan.contexts();
        int suffix = plan.suffix(), longest = plan.longest();
        requireArgument(
                file.tokens() > longest,
                "the longest context of %d tokens needs more held-out text than %d tokens; use shorter contexts or more"
                        + " data",
                longest,
                file.tokens());
        double[] sums = new double[contexts.size()];
        double[] positionSums = new double[longest];
        long[] positionCounts = new long[longest];
        long bytes = 0;
        int passes = 0, measured = 0;
        // Ends of the samples: evenly spread, the first one a whole longest context into the file.
        long room = file.tokens() - 1 - longest;
        int places = (int) Math.min(plan.samples(), Math.max(1, room / suffix + 1));
        for (int s = 0; s < places; s++) {
            long end = longest + (places == 1 ? room / 2 : room * s / (places - 1));
            int[] window = new int[longest + 1];
            file.read(end - longest, window, 0, window.length);
            int text = textBytes(Arrays.copyOfRange(window, window.length - suffix, window.length));
            for (int c = 0; c < sums.length; c++) {
                if (text > 0) {
                    int given = plan.given(contexts.get(c), measured);
                    float[] losses = losses(Arrays.copyOfRange(window, longest - given, window.length));
                    for (int i = given - suffix; i < given; i++) {
                        sums[c] += losses[i];
                    }
                    requireFinite(sums[c] / ((measured + 1.0) * suffix), contexts.get(c));
                    for (int i = 0; i < given && contexts.get(c) == longest; i++) {
                        positionSums[i] += losses[i];
                        positionCounts[i]++;
                    }
                }
                progress.done(++passes, places * sums.length);
            }
            bytes += text;
            measured += text > 0 ? 1 : 0;
        }
        if (measured == 0) {
            throw new LongNetException(
                    "the %d suffixes of %d tokens hold no text, only ends of documents; use a longer --suffix",
                    places, suffix);
        }
        long predicted = (long) measured * suffix;
        List<ByContext> byContext = new ArrayList<>();
        for (int c = 0; c < sums.length; c++) {
            double loss = sums[c] / predicted;
            byContext.add(
                    new ByContext(contexts.get(c), loss, Math.exp(loss), sums[c] / Math.log(2) / bytes, predicted));
        }
        return new Result(byContext, byPosition(positionSums, positionCounts));
    }

    private static void requireFinite(double loss, int context) {
        if (!Double.isFinite(Math.exp(loss))) {
            throw new LongNetException(
                    "the model's perplexity is %s at a context of %d tokens, so its weights are damaged or its training"
                            + " went astray; train it again with a lower train.learningRate",
                    Math.exp(loss), context);
        }
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
            Tensor features = model.features(rows.narrow(1, 0, n), execution);
            return Loss.perToken(model, features, rows.narrow(1, 1, n), CHUNK, execution);
        }
    }

    /** Buckets that double from 64 tokens on, so that the first tokens do not drown. */
    private static List<ByPosition> byPosition(double[] sums, long[] counts) {
        List<ByPosition> buckets = new ArrayList<>();
        int from = 0;
        for (int to = 64; from < sums.length; to *= 2) {
            int end = Math.min(to, sums.length);
            double sum = Arrays.stream(sums, from, end).sum();
            buckets.add(new ByPosition(
                    from, end, sum / Arrays.stream(counts, from, end).sum()));
            from = end;
        }
        return buckets;
    }
}
