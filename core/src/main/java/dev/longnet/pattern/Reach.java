package dev.longnet.pattern;

/**
 * How far information travels in a stack of attention layers of one pattern.
 *
 * @param longestPath the largest number of layers that any pair of tokens with a path between them needs
 * @param reached number of ordered pairs of different tokens with a path between them
 * @param pairs number of ordered pairs of different tokens; causal ones only count earlier → later
 */
public record Reach(int longestPath, long reached, long pairs) {
    /** Share of the pairs that have a path, in [0, 1]; 1 for a single token. */
    public double share() {
        return pairs == 0 ? 1 : (double) reached / pairs;
    }
}
