package dev.longnet.plan;

import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.List;

/**
 * What attention of one layer has to do to read a text in pieces, all pieces together. A query attends to keys of its piece
 * by the kernel for whole sequences, and to what is kept of its segments from before the piece.
 *
 * @param nearPairs pairs within pieces, as often as branches have them, summed over heads
 * @param sharedPairs those of them that a GPU's kernel leaves out, because it computes them for another branch
 * @param farPairs pairs of a query and a key of an earlier piece, summed over heads
 * @param joins how often what a branch kept of earlier pieces is joined to the result
 */
record ReadWork(double nearPairs, double sharedPairs, double farPairs, double joins) {
    /**
     * Counts exactly where pieces and segments divide each other.
     *
     * @param length tokens of the text
     * @param piece tokens read at once, at most {@code length}
     */
    static ReadWork of(LongNetConfig model, long length, long piece) {
        DilationPattern pattern = model.pattern();
        List<Branch> seen = pattern.at(length - 1).branches();
        double near = 0, all = 0, joins = 0;
        for (int i = 0; i < seen.size(); i++) {
            Branch branch = seen.get(i);
            // A branch that the text has grown is seen from the end of the segment before it on.
            boolean grown = i >= pattern.branches().size();
            long from = grown ? seen.get(i - 1).segment() : 0;
            Branch inPiece =
                    branch.segment() <= piece ? branch : new Branch(Math.max(piece, branch.ratio()), branch.ratio());
            all += pairs(branch, from, length, model.heads());
            near += pairs(inPiece, from, length, model.heads());
            joins += branch.segment() > piece ? (length - from) / (double) piece : 0;
        }
        near = Math.min(near, all);
        DilationPattern first = new DilationPattern(pattern.branches());
        double shared = RankWork.sharedPairs(model, first, piece) * ((double) length / piece);
        return new ReadWork(near, Math.min(shared, near), all - near, joins);
    }

    /** Pairs of queries in [from, length), none of whose keys are seen by queries before. */
    private static double pairs(Branch branch, long from, long length, int heads) {
        return branch.visiblePairs(length, heads, true)
                - (from == 0 ? 0 : branch.visiblePairs(Math.min(from, length), heads, true));
    }
}
