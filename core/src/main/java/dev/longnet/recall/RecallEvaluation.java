package dev.longnet.recall;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;

/**
 * Asks a trained model about facts at given distances. Every text tells one fact a distance, and is asked about each of them
 * by itself at one place, which stands anywhere in the last fifth of the text's greatest length.
 */
public final class RecallEvaluation {
    /** Tokens that are read at once. */
    private static final int PIECE = 1 << 16;

    private final RecallConfig config;
    private final LongNetDecoder model;
    private final Execution execution;
    private final int window;

    /** Hears how far it is. */
    public interface Listener {
        void textDone(int texts, long tokens);
    }

    /** @param window tokens of a sliding window, 0 where the model attends by its pattern */
    RecallEvaluation(RecallConfig config, LongNetDecoder model, Execution execution, int window) {
        this.config = config;
        this.model = model;
        this.execution = execution.withTokensChecked();
        this.window = window;
    }

    /**
     * Measures.
     *
     * @param distances tokens from fact to answer, such as {@link RecallTask#distances} takes
     * @param samples texts, and so questions a distance
     * @param seed of the texts
     */
    List<RecallResult> measure(int[] distances, int samples, long seed, Listener listener) {
        int[] sorted = config.task().distances(distances);
        requireArgument(samples > 0, "samples must be positive, got %d", samples);
        int farthest = sorted[sorted.length - 1];
        int[][] counts = new int[sorted.length][4]; // covered and right, covered, others and right, others
        Random random = new Random(seed);
        long read = 0;
        for (int sample = 0; sample < samples; sample++) {
            int end = farthest + config.task().fact() + random.nextInt(farthest / 4 + 1);
            RecallTask.Text text = config.task().haystack(end, sorted, random);
            boolean[] covered = covered(text, end);
            boolean[] right = window > 0 ? windowAnswers(text) : answers(text);
            for (int i = 0; i < sorted.length; i++) {
                int kind = covered[i] ? 0 : 2;
                counts[i][kind] += right[i] ? 1 : 0;
                counts[i][kind + 1]++;
            }
            read += text.tokens().length;
            listener.textDone(sample + 1, read);
        }
        List<RecallResult> results = new ArrayList<>();
        for (int i = 0; i < sorted.length; i++) {
            int[] c = counts[i];
            results.add(new RecallResult(
                    window > 0 ? "window" : "dilated",
                    sorted[i],
                    samples,
                    (double) (c[0] + c[2]) / samples,
                    (double) c[1] / samples,
                    share(c[0], c[1]),
                    share(c[2], c[3]),
                    1.0 / config.task().values()));
        }
        return results;
    }

    private static Double share(int part, int whole) {
        return whole == 0 ? null : (Double) ((double) part / whole);
    }

    /** Whether attention can carry any token of the facts to the answers in as many hops as there are layers. */
    private boolean[] covered(RecallTask.Text text, int end) {
        boolean[] covered = new boolean[text.questions().size()];
        IntStream.range(0, covered.length).parallel().forEach(i -> {
            int last = text.questions().get(i).fact();
            covered[i] = IntStream.range(0, config.task().fact()).anyMatch(back -> reaches(last - back, end));
        });
        return covered;
    }

    private boolean reaches(int from, int to) {
        int layers = config.model().layers();
        if (window > 0) {
            return to - from <= (long) layers * (window - 1);
        }
        int hops =
                config.model().pattern().hops(from, to, to + 1L, config.model().heads(), true);
        return hops >= 0 && hops <= layers;
    }

    /** The text is read once; each question goes on from there. */
    private boolean[] answers(RecallTask.Text text) {
        int[] tokens = text.tokens();
        boolean[] right = new boolean[text.questions().size()];
        try (LongNetDecoder.Session session = model.newSession(execution)) {
            for (int at = 0; at < tokens.length; at += PIECE) {
                session.features(Arrays.copyOfRange(tokens, at, Math.min(tokens.length, at + PIECE)))
                        .close();
            }
            for (int i = 0; i < right.length; i++) {
                RecallTask.Asked asked = text.questions().get(i);
                int[] question = new int[config.task().question()];
                Arrays.fill(question, config.task().question(asked.key()));
                try (LongNetDecoder.Session branch = session.copy();
                        Scope scope = new Scope()) {
                    double given = Tensors.item(Ops.largest(branch.read(question)));
                    right[i] = given == config.task().answer(asked.value());
                }
            }
        }
        return right;
    }

    /** The last tokens of the text, as many as windows reach back to through all layers, and each question after them. */
    private boolean[] windowAnswers(RecallTask.Text text) {
        int question = config.task().question();
        long reach = (long) config.model().layers() * (window - 1);
        int first = (int) Math.max(0, text.tokens().length - reach), kept = text.tokens().length - first;
        int length = kept + question, together = Math.max(1, PIECE / length);
        boolean[] right = new boolean[text.questions().size()];
        for (int from = 0; from < right.length; from += together) {
            List<RecallTask.Asked> asked = text.questions().subList(from, Math.min(right.length, from + together));
            long[] tokens = new long[asked.size() * length];
            for (int i = 0; i < asked.size(); i++) {
                for (int j = 0; j < kept; j++) {
                    tokens[i * length + j] = text.tokens()[first + j];
                }
                int token = config.task().question(asked.get(i).key());
                Arrays.fill(tokens, i * length + kept, (i + 1) * length, token);
            }
            try (var off = Gradient.off();
                    Scope scope = new Scope()) {
                Tensor features = model.features(Tensors.of(tokens, model.device(), asked.size(), length), execution);
                double[] given = Tensors.doubles(Ops.largest(model.logits(features.select(1, length - 1L), execution)));
                for (int i = 0; i < given.length; i++) {
                    right[from + i] =
                            given[i] == config.task().answer(asked.get(i).value());
                }
            }
        }
        return right;
    }
}
