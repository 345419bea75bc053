package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Which rows of keys and values ranks send each other: pure arithmetic, the same on every rank.
 *
 * <p>Where a shard's border cuts a segment of a branch, every rank that has tokens of it sends the rows that heads keep
 * there to the others; causal, only to later ones. A key/value head sends a row once a branch and receiver, however many
 * of its query heads keep it.
 *
 * <p>With R rows (a token and key/value head each) that a rank sends and S rows that it receives, batch B and head
 * dimension D, the rank sends
 *
 * <pre>
 *   forward   2·B·D·R numbers of the inputs' type                        (K and V)
 *   backward  the same again, and 2·B·D·S in float32, or float64         (K and V; dK and dV)
 * </pre>
 *
 * Of a branch whose segments are w tokens, whole shards of l tokens that r divides, R and S of all heads together are at
 * most H·(w − l)/r, so that 2·(w/r)·E values are never reached, whatever N is.
 */
public final class ShardPlan {
    private final DilationPattern pattern;
    private final SequenceShards shards;
    private final boolean causal;
    private final List<List<Far>> far = new ArrayList<>();
    private final Map<Pair, List<Part>> parts = new HashMap<>();

    /**
     * The tokens that a rank has of one segment, positions [from, to).
     *
     * @param branch index in the pattern
     * @param segment position of the segment's first token
     */
    record Part(int branch, long segment, int rank, long from, long to) {}

    /** Queries of one rank and what they see of their segment on others, by position. */
    record Far(Part queries, List<Part> keys) {}

    private record Pair(int from, int to) {}

    /** @param causal whether a token sees only itself and what stands before it */
    public ShardPlan(DilationPattern pattern, SequenceShards shards, boolean causal) {
        this.pattern = pattern;
        this.shards = shards;
        this.causal = causal;
        for (int rank = 0; rank < shards.size(); rank++) {
            List<Far> ofRank = new ArrayList<>();
            for (int i = 0; i < pattern.branches().size(); i++) {
                long w = pattern.branches().get(i).segment();
                long first = shards.start(rank) / w * w, last = (shards.end(rank) - 1) / w * w;
                for (long segment : LongStream.of(first, last).distinct().toArray()) {
                    List<Part> keys = keys(i, segment, rank);
                    if (!keys.isEmpty()) {
                        ofRank.add(new Far(part(i, segment, rank), keys));
                    }
                }
            }
            far.add(List.copyOf(ofRank));
            for (Far each : ofRank) {
                for (Part part : each.keys) {
                    parts.computeIfAbsent(new Pair(part.rank, rank), pair -> new ArrayList<>())
                            .add(part);
                }
            }
        }
    }

    private List<Part> keys(int branch, long segment, int rank) {
        List<Part> keys = new ArrayList<>();
        for (int other = 0; other < (causal ? rank : shards.size()); other++) {
            Part part = part(branch, segment, other);
            if (other != rank && part.from < part.to) {
                keys.add(part);
            }
        }
        return keys;
    }

    private Part part(int branch, long segment, int rank) {
        long w = pattern.branches().get(branch).segment();
        long end = w > shards.length() - segment ? shards.length() : segment + w;
        return new Part(branch, segment, rank, Math.max(segment, shards.start(rank)), Math.min(end, shards.end(rank)));
    }

    DilationPattern pattern() {
        return pattern;
    }

    SequenceShards shards() {
        return shards;
    }

    boolean causal() {
        return causal;
    }

    /** Whether no rank sends anything. */
    public boolean isEmpty() {
        return far.stream().allMatch(List::isEmpty);
    }

    /** What the rank's queries see on other ranks, by branch and segment. */
    List<Far> far(int rank) {
        return far.get(rank);
    }

    /** What one rank sends to another, in this order. */
    List<Part> parts(int from, int to) {
        return parts.getOrDefault(new Pair(from, to), List.of());
    }

    /** The key/value rows of each branch, for so many heads. */
    List<Lanes> lanes(int heads, int keyValueHeads) {
        List<Lanes> lanes = new ArrayList<>();
        for (Branch branch : pattern.branches()) {
            lanes.add(new Lanes(branch, heads, keyValueHeads));
        }
        return lanes;
    }

    /** Rows R that the rank sends in a forward pass over one example, each a token and a key/value head. */
    long rowsSent(int rank, int heads, int keyValueHeads) {
        return rows(heads, keyValueHeads, other -> parts(rank, other));
    }

    /** Rows S that the rank receives. */
    long rowsReceived(int rank, int heads, int keyValueHeads) {
        return rows(heads, keyValueHeads, other -> parts(other, rank));
    }

    private long rows(int heads, int keyValueHeads, IntFunction<List<Part>> ofOther) {
        List<Lanes> lanes = lanes(heads, keyValueHeads);
        return IntStream.range(0, shards.size())
                .mapToObj(ofOther)
                .flatMap(List::stream)
                .mapToLong(part -> lanes.get(part.branch).rows(part))
                .sum();
    }

    /**
     * Bytes that the rank sends in a layer's forward pass over B examples.
     *
     * @param bytesPerNumber of the inputs' type
     */
    public long forwardBytes(int rank, int heads, int keyValueHeads, int headDim, int batch, int bytesPerNumber) {
        return 2L * batch * headDim * bytesPerNumber * rowsSent(rank, heads, keyValueHeads);
    }

    /**
     * Bytes that the rank sends in a layer's backward pass over B examples.
     *
     * @param bytesPerNumber of the inputs' type
     */
    public long backwardBytes(int rank, int heads, int keyValueHeads, int headDim, int batch, int bytesPerNumber) {
        long gradients = 2L * batch * headDim * Math.max(Float.BYTES, bytesPerNumber);
        return forwardBytes(rank, heads, keyValueHeads, headDim, batch, bytesPerNumber)
                + gradients * rowsReceived(rank, heads, keyValueHeads);
    }
}
