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
        branches = pattern.branches().toArray(new Branch[0]);
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
        int from = causal ? key : key - place + residue;
        long to = Math.min(visitedFrom[known], key - place + segment);
        for (long query = from; query < to; query += ratio) {
            if (layers[(int) query] == UNREACHED) {
                layers[(int) query] = layers[key] + 1;
                queue[end++] = (int) query;
            }
        }
        visitedFrom[known] = Math.min(visitedFrom[known], from);
        return end;
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
