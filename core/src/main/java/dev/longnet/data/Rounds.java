package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

/**
 * A text without an end: its documents as they stand, and then again, round after round, each time in another seeded order.
 * Not safe for use by several threads.
 */
public final class Rounds {
    private final TokenFile text;
    private final long seed;
    private long round = -1;
    private int[] order;
    private long[] ends; // in the round, of the documents in their order

    /** @param seed the same seed gives the same orders */
    public Rounds(TokenFile text, long seed) {
        requireArgument(text.tokens() > 0, "a text without tokens cannot be read");
        this.text = text;
        this.seed = seed;
    }

    /**
     * Copies tokens.
     *
     * @param start tokens before the first of them, all rounds together
     */
    public void read(long start, int[] destination, int offset, int count) {
        for (int done = 0; done < count; ) {
            long at = start + done, inRound = at % text.tokens();
            begin(at / text.tokens());
            int i = documentAt(inRound);
            int here = (int) Math.min(count - done, ends[i] - inRound);
            long first = end(order[i]) - (ends[i] - inRound);
            text.read(first, destination, offset + done, here);
            done += here;
        }
    }

    private void begin(long number) {
        if (number == round) {
            return;
        }
        int documents = text.documents();
        Permutation permutation = new Permutation(documents, Mix.mix(seed, number));
        order = new int[documents];
        ends = new long[documents];
        long end = 0;
        for (int i = 0; i < documents; i++) {
            order[i] = number == 0 ? i : (int) permutation.at(i);
            end += end(order[i]) - text.documentStart(order[i]);
            ends[i] = end;
        }
        round = number;
    }

    private long end(int document) {
        return document + 1 < text.documents() ? text.documentStart(document + 1) : text.tokens();
    }

    /** The first document of the round that ends after a place. */
    private int documentAt(long place) {
        int low = 0, high = ends.length - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ends[middle] > place) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}
