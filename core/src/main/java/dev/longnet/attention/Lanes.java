package dev.longnet.attention;

import dev.longnet.attention.ShardPlan.Part;
import dev.longnet.pattern.Branch;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;

/**
 * The rows of keys and values that a branch's query heads need: a lane is one key/value head at one residue that some
 * query heads of its group keep. Lanes are in the order of query heads, which is that of key/value heads and of residues.
 */
final class Lanes {
    private final Branch branch;
    private final int heads;
    private final int[] ofHead;
    private final int[] kvHead;
    private final int[] residue;
    private final int count;

    /**
     * Neighbouring lanes whose heads and residues go up in even steps: lane {@code first + i·inner + j} has key/value head
     * {@code kvHead + i·outerHeads + j·innerHeads}, and likewise its residue.
     */
    record Run(
            int outer,
            int inner,
            int kvHead,
            int residue,
            int outerHeads,
            int outerResidues,
            int innerHeads,
            int innerResidues) {}

    Lanes(Branch branch, int heads, int kvHeads) {
        this.branch = branch;
        this.heads = heads;
        ofHead = new int[heads];
        kvHead = new int[heads];
        residue = new int[heads];
        int last = -1;
        for (int head = 0; head < heads; head++) {
            int kv = head / (heads / kvHeads), offset = branch.offset(head, heads);
            if (last < 0 || kvHead[last] != kv || residue[last] != offset) {
                last++;
                kvHead[last] = kv;
                residue[last] = offset;
            }
            ofHead[head] = last;
        }
        count = last + 1;
    }

    Branch branch() {
        return branch;
    }

    int ofHead(int head) {
        return ofHead[head];
    }

    /** The first lane of this residue; of all of them, the number of lanes. */
    int first(int residue) {
        int head = residue * branch.headsPerOffset(heads);
        return head >= heads ? count : ofHead[head];
    }

    /** See {@link BranchLayout#cuts}. */
    int[] cuts(long... places) {
        return BranchLayout.cuts(branch, heads, places);
    }

    /** Rows of one lane of this residue. */
    long rows(Part part, int residue) {
        return branch.rowsBefore(part.to() - part.segment(), residue)
                - branch.rowsBefore(part.from() - part.segment(), residue);
    }

    /** Position of the first of them. */
    long firstRow(Part part, int residue) {
        return part.segment() + residue + branch.ratio() * branch.rowsBefore(part.from() - part.segment(), residue);
    }

    /** Rows of all lanes. */
    long rows(Part part) {
        return IntStream.range(0, count)
                .mapToLong(lane -> rows(part, residue[lane]))
                .sum();
    }

    /** Takes rows of neighbouring lanes. */
    interface RunAction {
        /**
         * @param rows (B, outer, inner, rows, D), of lanes {@code firstLane} to {@code firstLane + lanes}
         * @param row how many rows of each lane stand in the segment before them
         */
        void accept(Tensor rows, int firstLane, int lanes, long row);
    }

    /**
     * Visits the lanes' rows of a part, lane by lane, as views of a tensor.
     *
     * @param tensor (B, N, Hk, D)
     * @param start position of its first token
     */
    void forEachRun(Part part, long start, Tensor tensor, RunAction action) {
        long e = tensor.stride(0), p = tensor.stride(1), h = tensor.stride(2);
        int[] cuts = cuts(part.from() - part.segment(), part.to() - part.segment());
        for (int c = 0; c + 1 < cuts.length; c++) {
            long rows = rows(part, cuts[c]), first = firstRow(part, cuts[c]) - cuts[c];
            if (rows == 0) {
                continue;
            }
            int lane = first(cuts[c]);
            for (Run run : runs(lane, first(cuts[c + 1]))) {
                Tensor view = Tensors.strided(
                        tensor,
                        new long[] {tensor.size(0), run.outer, run.inner, rows, tensor.size(3)},
                        new long[] {
                            e,
                            run.outerResidues * p + run.outerHeads * h,
                            run.innerResidues * p + run.innerHeads * h,
                            branch.ratio() * p,
                            tensor.stride(3)
                        },
                        (first + run.residue - start) * p + run.kvHead * h);
                int count = run.outer * run.inner;
                action.accept(view, lane, count, branch.rowsBefore(part.from() - part.segment(), cuts[c]));
                lane += count;
            }
        }
    }

    /** The lanes [from, to) in as few runs as their heads and residues allow. */
    List<Run> runs(int from, int to) {
        List<Run> runs = new ArrayList<>();
        for (int lane = from; lane < to; ) {
            int inner = 1;
            while (lane + inner < to && evenly(lane, 1, inner)) {
                inner++;
            }
            int outer = 1;
            while (lane + (outer + 1) * inner <= to && repeats(lane, inner, outer)) {
                outer++;
            }
            int next = outer > 1 ? lane + inner : lane, second = inner > 1 ? lane + 1 : lane;
            runs.add(new Run(
                    outer,
                    inner,
                    kvHead[lane],
                    residue[lane],
                    kvHead[next] - kvHead[lane],
                    residue[next] - residue[lane],
                    kvHead[second] - kvHead[lane],
                    residue[second] - residue[lane]));
            lane += outer * inner;
        }
        return runs;
    }

    /** Whether the lane {@code times} steps on is where that many of the first step lead to. */
    private boolean evenly(int lane, int step, int times) {
        int there = lane + times * step, next = lane + step;
        return kvHead[there] - kvHead[lane] == times * (kvHead[next] - kvHead[lane])
                && residue[there] - residue[lane] == times * (residue[next] - residue[lane]);
    }

    /** Whether the lanes of one inner run come again, so many runs on, at an even distance. */
    private boolean repeats(int lane, int inner, int times) {
        for (int i = 0; i < inner; i++) {
            int there = lane + times * inner + i, here = lane + i, next = lane + inner;
            if (kvHead[there] - kvHead[here] != times * (kvHead[next] - kvHead[lane])
                    || residue[there] - residue[here] != times * (residue[next] - residue[lane])) {
                return false;
            }
        }
        return true;
    }
}
