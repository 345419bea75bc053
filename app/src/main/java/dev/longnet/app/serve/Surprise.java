package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.Loss;
import dev.longnet.train.TrainedModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.pytorch.Tensor;

/**
 * {@code /v1/surprise}: how well each token of a text is foretold, by how much stands before it.
 *
 * <p>With a context of c tokens the text is cut into windows of 2c that overlap by half; in each the second half is foretold,
 * so that every token has between c and 2c tokens before it, or all there are. The last entry is the whole text, after what
 * the state has read.
 */
final class Surprise implements Job {
    static final int MOST_TOKENS = 4096, MOST_CONTEXTS = 8;

    private final TrainedModel trained;
    private final int[] tokens;
    private final List<Integer> contexts;
    private final States.Loaded base;
    private final CompletableFuture<Map<String, Object>> answer = new CompletableFuture<>();
    private final List<Map<String, Object>> entries = new ArrayList<>();
    private volatile boolean cancelled;

    /** @param base what was read before the text, or null; released at the end */
    private Surprise(TrainedModel trained, int[] tokens, List<Integer> contexts, States.Loaded base) {
        this.trained = trained;
        this.tokens = tokens;
        this.contexts = contexts;
        this.base = base;
    }

    /** Answers a request. */
    static void answer(Service service, JsonNode json, Reply reply) throws InterruptedException {
        Fields fields = new Fields(json);
        TrainedModel trained = service.trained();
        int[] tokens = trained.tokenizer().encode(fields.text("text", ""));
        if (tokens.length == 0 || tokens.length > MOST_TOKENS) {
            throw Refusal.of("text", "text must have 1 to " + MOST_TOKENS + " tokens, it has " + tokens.length);
        }
        List<Integer> contexts =
                contexts(fields.get("contexts"), trained.config().model().pattern(), tokens.length);
        String state = fields.text("state", "");
        States.Loaded base = state.isEmpty() ? null : service.states().load(state);
        Surprise work = new Surprise(trained, tokens, contexts, base);
        service.engine().submit(work);
        Waiting.answer(work.answer, reply, work::cancel);
    }

    private static List<Integer> contexts(JsonNode given, DilationPattern pattern, int length) {
        TreeSet<Integer> contexts = new TreeSet<>();
        if (given != null && (!given.isArray() || given.size() > MOST_CONTEXTS)) {
            throw Refusal.of("contexts", "contexts is an array of up to " + MOST_CONTEXTS + " numbers of tokens");
        }
        if (given == null) {
            contexts.addAll(List.of(16, 64, 256, 1024));
        } else {
            for (JsonNode each : given) {
                if (!each.isInt() || each.intValue() < 1) {
                    throw Refusal.of("contexts", "a context is a positive number of tokens, got " + each);
                }
                contexts.add(each.intValue());
            }
        }
        // More than the text has is the whole text; and only what does not grow is computed in windows side by side.
        contexts.removeIf(c -> c >= length || pattern.grows() && 2L * c > pattern.longestSegment());
        return List.copyOf(contexts);
    }

    private void cancel() {
        cancelled = true;
    }

    @Override
    public boolean abandoned() {
        return cancelled;
    }

    @Override
    public boolean advance() {
        if (entries.size() < contexts.size()) {
            int context = contexts.get(entries.size());
            entries.add(entry(context, windows(context)));
            return true;
        }
        entries.add(entry(null, whole()));
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("object", "surprise");
        all.put(
                "tokens",
                Arrays.stream(tokens)
                        .mapToObj(token -> trained.tokenizer().decodeText(new int[] {token}))
                        .toList());
        all.put("contexts", entries);
        answer.complete(all);
        return false;
    }

    private static Map<String, Object> entry(Integer context, Double[] losses) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("context", context);
        entry.put("losses", losses);
        double mean = Arrays.stream(losses)
                .filter(loss -> loss != null)
                .mapToDouble(loss -> loss)
                .average()
                .orElse(Double.NaN);
        entry.put("mean", Double.isNaN(mean) ? null : mean);
        return entry;
    }

    /** −ln p of every token but the first, which nothing foretells. */
    private Double[] windows(int context) {
        int rows = (tokens.length + context - 1) / context, width = 2 * context;
        long[] inputs = new long[rows * width], targets = new long[rows * width];
        for (int row = 0; row < rows; row++) {
            int from = Math.max(0, row * context - context);
            for (int i = 0;
                    i < width;
                    i++) { // what stands past the end is foretold by nobody and shown to nobody before
                inputs[row * width + i] = from + i < tokens.length ? tokens[from + i] : 0;
                targets[row * width + i] = from + i + 1 < tokens.length ? tokens[from + i + 1] : 0;
            }
        }
        float[] losses;
        try (var off = Gradient.off()) {
            Tensor features = trained.model().features(tensor(inputs, rows, width), trained.execution());
            losses = losses(features, tensor(targets, rows, width));
        }
        Double[] of = new Double[tokens.length];
        for (int token = 1; token < of.length; token++) {
            int row = token / context, from = Math.max(0, row * context - context);
            of[token] = (double) losses[row * width + token - 1 - from];
        }
        return of;
    }

    private Double[] whole() {
        int n = tokens.length;
        Double[] of = new Double[n];
        try (LongNetDecoder.Session session = States.session(trained, base);
                var off = Gradient.off()) {
            if (n > 1) {
                Tensor features = session.features(Arrays.copyOf(tokens, n - 1));
                long[] next = Arrays.stream(tokens, 1, n).asLongStream().toArray();
                float[] losses = losses(features, tensor(next, 1, n - 1));
                for (int token = 1; token < n; token++) {
                    of[token] = (double) losses[token - 1];
                }
            }
            return of;
        }
    }

    private Tensor tensor(long[] numbers, int rows, int width) {
        return Tensors.of(numbers, trained.model().device(), rows, width);
    }

    private float[] losses(Tensor features, Tensor targets) {
        int chunk = trained.config().train().lossChunk(trained.model().device());
        return Loss.perToken(trained.model(), features, targets, chunk, trained.execution());
    }

    @Override
    public void failed(Throwable cause) {
        answer.completeExceptionally(cause);
    }

    @Override
    public void close() {
        if (base != null) {
            base.release();
        }
    }
}
