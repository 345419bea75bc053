package dev.longnet.pattern;

import java.util.Arrays;

/**
 * Breadth-first search over "who sees whom", an edge being seen by any head of any branch.
 *
 * <p>The positions of one branch, segment and residue all see one another (causal: the later see the earlier). So it
 * is enough to remember for each such class from which place on it has been visited, and a search costs
 * O(length · branches) however many edges there are.
 */
final class PathSearch {
    static final int UNREACHED = -1;

    private final Branch[] branches;
    private final long[] activeFrom; // by branch: the first query that sees it
    private final int[] residues; // by branch: residues below this are kept by some head
    private final int[] firstClass; // by branch: index of its first class
    private final int[] visitedFrom; // by class: the members from this position on have been visited
    private final int[] layers; // by position: number of layers from the source
    private final int[] queue;
    private final int length;
    private final boolean causal;

    PathSearch(DilationPattern pattern, int length, int heads, boolean causal) {
        this.length = length;
        this.causal = causal;
        branches = pattern.at(length - 1).branches().toArray(new Branch[0]);
        activeFrom = new long[branches.length];
        for (int i = pattern.branches().size(); i < branches.length; i++) {
            activeFrom[i] = branches[i - 1].segment();
        }
        residues = new int[branches.length];
        firstClass = new int[branches.length];
        int classes = 0;
        for (int i = 0; i < branches.length; i++) {
            residues[i] = (int) Math.min(branches[i].offsets(heads), length);
            firstClass[i] = classes;
            classes = Math.addExact(classes, (int) ((length - 1) / branches[i].segment() + 1) * residues[i]);
        }
        visitedFrom = new int[classes];
        layers = new int[length];
        queue = new int[length];
    }

    /** Number of layers from the source to every position, {@link #UNREACHED} where there is no path. */
    int[] layersFrom(int source) {
        Arrays.fill(visitedFrom, length);
        Arrays.fill(layers, UNREACHED);
        layers[source] = 0;
        queue[0] = source;
        int end = 1;
        for (int next = 0; next < end; next++) {
            for (int branch = 0; branch < branches.length; branch++) {
                end = visit(queue[next], branch, end);
            }
        }
        return layers;
    }

    /** Puts the positions that see {@code key} in the branch, and are new, at the end of the queue. */
    private int visit(int key, int branch, int end) {
        long segment = branches[branch].segment();
        int ratio = branches[branch].ratio();
        int place = (int) (key % segment);
        int residue = place % ratio;
        if (residue >= residues[branch]) {
            return end;
        }
        int known = firstClass[branch] + (int) (key / segment) * residues[branch] + residue;
        long from = causal ? key : key - place + residue;
        if (from < activeFrom[branch]) {
            long behind = activeFrom[branch] - from, ratios = (behind + ratio - 1) / ratio;
            from += ratios * ratio;
        }
        long to = Math.min(visitedFrom[known], key - place + segment);
        for (long query = from; query < to; query += ratio) {
            if (layers[(int) query] == UNREACHED) {
                layers[(int) query] = layers[key] + 1;
                queue[end++] = (int) query;
            }
        }
        visitedFrom[known] = (int) Math.min(visitedFrom[known], from);
        return end;
    }

    /** One of the shortest ways to a position, with both ends; empty where there is none. */
    long[] path(int source, int target) {
        layersFrom(source);
        if (layers[target] == UNREACHED) {
            return new long[0];
        }
        long[] path = new long[layers[target] + 1];
        path[layers[target]] = target;
        for (int i = layers[target] - 1; i >= 0; i--) {
            path[i] = seenInLayer(path[i + 1], i);
        }
        return path;
    }

    /** A key that the query sees and that the search has reached in this layer. */
    private long seenInLayer(long query, int layer) {
        for (int i = 0; i < branches.length; i++) {
            long segment = branches[i].segment(), place = query % segment;
            int ratio = branches[i].ratio();
            if (query < activeFrom[i] || place % ratio >= residues[i]) {
                continue;
            }
            long begin = query - place, end = causal ? query + 1 : Math.min(begin + segment, length);
            for (long key = begin + place % ratio; key < end; key += ratio) {
                if (layers[(int) key] == layer) {
                    return key;
                }
            }
        }
        throw new IllegalStateException("layer " + layer + " leads to " + query + " but shows it nothing");
    }

    Reach reach() {
        int longest = 0;
        long reached = 0;
        for (int source = 0; source < length; source++) {
            for (int count : layersFrom(source)) {
                longest = Math.max(longest, count);
                reached += count > 0 ? 1 : 0;
            }
        }
        long pairs = (long) length * (length - 1);
        return new Reach(longest, reached, causal ? pairs / 2 : pairs);
    }
}
