package dev.longnet.model;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.attention.KeyValueCache;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Linear;
import dev.longnet.tensor.MasterWeights;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;

/**
 * A causal language model over dilated attention, the paper's decoder.
 *
 * <p>The output projection is {@code output_projection.weight}, or the embedding table itself when they are tied.
 */
public final class LongNetDecoder extends LongNet {
    private final Linear output;
    private final MasterWeights outputTable;

    /** Random weights from libtorch's generator; {@link dev.longnet.tensor.Compute#seed} makes them repeatable. */
    public LongNetDecoder(LongNetConfig config) {
        super("LongNetDecoder", config);
        requireArgument(config.causal(), "a decoder is causal; use LongNetEncoder for causal false");
        output = config.tiedEmbeddings()
                ? null
                : register_module("output_projection", new Linear(config.embedding(), config.vocabulary(), false));
        outputTable = output == null ? table() : new MasterWeights(output.weight());
    }

    /** ln-probabilities before normalisation, (B, N, V), of the token after each of tokens (B, N). */
    public Tensor forward(Tensor tokens) {
        return logits(features(tokens, Execution.PLAIN), Execution.PLAIN);
    }

    /** Logits (…, V) of features (…, E), in their type. */
    public Tensor logits(Tensor features, Execution execution) {
        return Linear.apply(features, outputWeight(), null, execution.bfloat16());
    }

    /** The matrix (V, E) that makes logits of features. */
    public Tensor outputWeight() {
        return output == null ? embedding() : output.weight();
    }

    /** The same matrix as products in bfloat16 use it. */
    public MasterWeights outputTable() {
        return outputTable;
    }

    /** What has been read so far, for generating token by token; the caller closes it. */
    public Session newSession(Execution execution) {
        return new Session(newCaches(), execution);
    }

    /**
     * Reads one token in each of several sessions of one kind of execution, which takes less time than one after the other.
     *
     * @param sessions of this model, each once
     * @param tokens the next of each
     * @return the logits (number of sessions, V) of the tokens that follow
     */
    public Tensor step(List<Session> sessions, int... tokens) {
        requireArgument(
                sessions.size() == tokens.length && tokens.length > 0,
                "%d sessions read a token each, got %d tokens",
                sessions.size(),
                tokens.length);
        Execution execution = sessions.get(0).execution;
        checkTokens(tokens);
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            List<List<KeyValueCache>> caches = IntStream.range(0, config().layers())
                    .mapToObj(i ->
                            sessions.stream().map(each -> each.caches.get(i)).toList())
                    .toList();
            Tensor features = step(numbers(tokens), caches, execution.withTokensChecked());
            return scope.keep(logits(features, execution).select(0, 0));
        }
    }

    private void checkTokens(int... tokens) {
        for (int token : tokens) {
            requireArgument(
                    token >= 0 && token < config().vocabulary(),
                    "token %d is outside the vocabulary 0 … %d",
                    token,
                    config().vocabulary() - 1);
        }
    }

    /** (1, n). */
    private Tensor numbers(int... tokens) {
        return Tensors.of(Arrays.stream(tokens).asLongStream().toArray(), device(), 1, tokens.length);
    }

    /** A text being read and continued: time and memory for a token do not grow with what was read. */
    public final class Session implements AutoCloseable {
        private final List<KeyValueCache> caches;
        private final Execution execution;

        private Session(List<KeyValueCache> caches, Execution execution) {
            this.caches = caches;
            this.execution = execution;
        }

        /**
         * Reads the next tokens, at least one, and returns the logits (V) of the one that follows.
         *
         * @throws IllegalArgumentException naming a token outside the vocabulary
         */
        public Tensor read(int... tokens) {
            try (var off = Gradient.off();
                    Scope scope = new Scope()) {
                Tensor last = features(tokens).select(1, tokens.length - 1);
                return scope.keep(logits(last, execution).select(0, 0));
            }
        }

        /** Reads the next tokens, at least one, and returns their features (1, n, E); losses are made of them. */
        public Tensor features(int... tokens) {
            requireArgument(tokens.length > 0, "a session reads at least one token at a time");
            checkTokens(tokens);
            try (var off = Gradient.off();
                    Scope scope = new Scope()) {
                long same = config().pattern().changesAfter(position()) - position();
                if (tokens.length > same) {
                    return scope.keep(Tensors.cat(
                            1,
                            features(Arrays.copyOf(tokens, (int) same)),
                            features(Arrays.copyOfRange(tokens, (int) same, tokens.length))));
                }
                return scope.keep(LongNetDecoder.this.read(numbers(tokens), caches, execution.withTokensChecked()));
            }
        }

        /** A session that goes on from here by itself; the caller closes it. */
        public Session copy() {
            List<KeyValueCache> copies = new ArrayList<>();
            try {
                caches.forEach(cache -> copies.add(cache.copy()));
                return new Session(copies, execution);
            } catch (RuntimeException | Error e) {
                copies.forEach(KeyValueCache::close);
                throw e;
            }
        }

        /** All that later tokens see of what was read, by name, as views: {@code layers.0.branch.0.keys}, … */
        public Map<String, Tensor> rows() {
            Map<String, Tensor> all = new LinkedHashMap<>();
            for (int i = 0; i < caches.size(); i++) {
                String layer = "layers." + i + ".";
                caches.get(i).rows().forEach((name, rows) -> all.put(layer + name, rows));
            }
            return all;
        }

        /**
         * Takes over what {@link #rows} gave of a session of this model.
         *
         * @throws IllegalArgumentException if these are not the rows of this model at that position
         */
        public void restore(Map<String, Tensor> rows, long position) {
            for (int i = 0; i < caches.size(); i++) {
                String layer = "layers." + i + ".";
                Map<String, Tensor> ofLayer = new LinkedHashMap<>();
                rows.forEach((name, tensor) -> {
                    if (name.startsWith(layer)) {
                        ofLayer.put(name.substring(layer.length()), tensor);
                    }
                });
                caches.get(i).restore(ofLayer, position);
            }
        }

        /** Number of tokens read. */
        public long position() {
            return caches.get(0).position();
        }

        /** Bytes of keys and values kept. */
        public long bytes() {
            return caches.stream().mapToLong(KeyValueCache::bytes).sum();
        }

        @Override
        public void close() {
            caches.forEach(KeyValueCache::close);
        }
    }
}
