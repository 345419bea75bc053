package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import java.util.ArrayList;
import java.util.List;

/**
 * The kept rows of a branch, as few regular boxes of strided rows.
 *
 * <p>In a box every segment, residue and head keeps the same number of rows, so that one strided view shows all of them:
 * row i of segment n, residue s and head j of its group lies at position {@code start + n·w + s + i·r} and belongs to
 * head {@code firstHead + s·headsPerResidue + j}. The last segment may be short, the residue groups may not divide the
 * heads, and w need not be a multiple of r; each of these splits the rows into further boxes, at most six a branch.
 */
final class BranchLayout {
    private BranchLayout() {}

    /**
     * @param start position of row 0 of the first segment and residue
     * @param segments number of segments, w positions apart
     * @param residues number of residues, one position and {@code headStep} heads apart
     * @param headStep heads from one residue to the next, ⌈H/r⌉
     * @param heads neighbouring heads of each residue in the box
     * @param firstHead first head of the first residue
     * @param rows kept rows of each, r positions apart
     * @param full whether the segments have all of their w tokens
     */
    record Box(
            long start,
            long segments,
            long segment,
            long residues,
            int headStep,
            int heads,
            int firstHead,
            long rows,
            int ratio,
            boolean full) {}

    /** The boxes of a branch over a sequence of {@code length} tokens. */
    static List<Box> boxes(Branch branch, long length, int heads) {
        List<Box> boxes = new ArrayList<>();
        long full = length / branch.segment(), tail = length % branch.segment();
        if (full > 0) {
            add(boxes, branch, 0, full, branch.segment(), heads);
        }
        if (tail > 0) {
            add(boxes, branch, full * branch.segment(), 1, tail, heads);
        }
        return boxes;
    }

    private static void add(List<Box> boxes, Branch branch, long start, long segments, long tokens, int heads) {
        int ratio = branch.ratio(), step = branch.headsPerOffset(heads);
        int residues = (heads + step - 1) / step;
        int whole = heads / step; // residues with a whole group of heads
        long longer = tokens % ratio; // the first residues keep one row more
        int[] cuts = {0, (int) Math.min(longer, whole), whole, residues};
        for (int c = 0; c + 1 < cuts.length; c++) {
            int from = cuts[c], to = cuts[c + 1];
            if (from == to) {
                continue;
            }
            long rows = (tokens - from + ratio - 1) / ratio;
            if (tokens > from && rows > 0) {
                int groupHeads = from >= whole ? heads - whole * step : step;
                boxes.add(new Box(
                        start + from,
                        segments,
                        branch.segment(),
                        to - from,
                        step,
                        groupHeads,
                        from * step,
                        rows,
                        ratio,
                        tokens == branch.segment()));
            }
        }
    }
}
