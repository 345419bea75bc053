package dev.longnet.attention;

import dev.longnet.pattern.Branch;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The kept rows of a branch, as few regular boxes of strided rows.
 *
 * <p>In a box every segment, residue and head keeps the same number of rows, so that one strided view shows all of them:
 * row i of segment n, residue s and head j of its group lies at row {@code start + n·w + s + i·r} and belongs to head
 * {@code firstHead + s·headsPerResidue + j}. The first and the last segment may be short, the residue groups may not divide
 * the heads, and w need not be a multiple of r; each of these splits the rows into further boxes, a few a branch.
 */
final class BranchLayout {
    private BranchLayout() {}

    /**
     * @param start first row of the first segment and residue
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

    /**
     * The boxes of a branch.
     *
     * @param start position of the first row
     * @param length number of rows
     */
    static List<Box> boxes(Branch branch, long start, long length, int heads) {
        List<Box> boxes = new ArrayList<>();
        long w = branch.segment(), place = start % w, row = 0;
        if (place > 0) {
            row = Math.min(w - place, length);
            add(boxes, branch, 0, place, 1, row, heads);
        }
        long full = (length - row) / w, tail = (length - row) % w;
        if (full > 0) {
            add(boxes, branch, row, 0, full, w, heads);
        }
        if (tail > 0) {
            add(boxes, branch, length - tail, 0, 1, tail, heads);
        }
        return boxes;
    }

    /**
     * Residues from 0 to their number between which rows are alike: from each of these to the next, all keep as many rows
     * between any two of the places of a segment, and as many heads keep each.
     */
    static int[] cuts(Branch branch, int heads, long... places) {
        int residues = branch.offsets(heads), whole = heads / branch.headsPerOffset(heads);
        LongStream changes = LongStream.of(places).map(place -> place % branch.ratio());
        return LongStream.concat(LongStream.of(0, whole, residues), changes)
                .filter(residue -> residue <= residues)
                .sorted()
                .distinct()
                .mapToInt(Math::toIntExact)
                .toArray();
    }

    /** Adds the kept rows of {@code tokens} from this place of each of some segments on. */
    private static void add(
            List<Box> boxes, Branch branch, long row, long place, long segments, long tokens, int heads) {
        int ratio = branch.ratio(), step = branch.headsPerOffset(heads);
        int whole = heads / step; // residues with a whole group of heads
        int[] cuts = cuts(branch, heads, place, place + tokens);
        for (int c = 0; c + 1 < cuts.length; c++) {
            int from = cuts[c], to = cuts[c + 1];
            long before = branch.rowsBefore(place, from), rows = branch.rowsBefore(place + tokens, from) - before;
            if (rows > 0) {
                boxes.add(new Box(
                        row + from + before * ratio - place,
                        segments,
                        branch.segment(),
                        to - from,
                        step,
                        from >= whole ? heads - whole * step : step,
                        from * step,
                        rows,
                        ratio,
                        tokens == branch.segment()));
            }
        }
    }
}
