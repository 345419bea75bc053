package dev.longnet.plan;

import dev.longnet.attention.SharedPairs;
import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;

/**
 * What attention of one layer asks of one rank, forward. A rank that holds tokens [a, b) cuts at most two segments of a
 * branch, its first and its last; of such a segment [s, e) it has q kept queries, and as many keys as the segment keeps in
 * [s, a), and in [b, e) if both sides are seen, are far:
 *
 * <pre>
 *  local pairs  q(q + 1)/2 causal, q² otherwise      far pairs  q · far keys      received rows  far keys, if q > 0
 * </pre>
 *
 * Where shards are whole parts of the segment, l = N/P dividing w and r dividing l, the j-th of its w/l ranks receives
 * j·l/r rows causally and (w/l − 1)·l/r otherwise. The counts here are exact for any length, segment, ratio and rank.
 *
 * @param localPairs pairs of a query and a key of this rank, as often as branches have them, summed over heads
 * @param sharedPairs those of them that the kernel leaves out, because it computes them for another branch
 * @param farPairs pairs of a query of this rank and a key of another, summed over heads
 * @param nodeRows keys of other ranks of this machine that the rank's queries see, summed over branches and key heads
 * @param networkRows the same of other machines
 * @param doublings Σ ⌈log₂ ranks⌉ over the branches with far keys, ranks being those that share the segment
 */
record RankWork(
        double localPairs, double sharedPairs, double farPairs, double nodeRows, double networkRows, int doublings) {

    static RankWork of(LongNetConfig model, Shards shards, int rank) {
        return new Count(model, shards, rank).all();
    }

    /** {@link #sharedPairs} of a sequence of {@code length} tokens that one rank holds. */
    static double sharedPairs(LongNetConfig model, DilationPattern pattern, long length) {
        return new Count(model, new Shards(length, 1, 1), 0).shared(pattern);
    }

    /** The same of so many sequences. */
    RankWork times(int batch) {
        return new RankWork(
                batch * localPairs,
                batch * sharedPairs,
                batch * farPairs,
                batch * nodeRows,
                batch * networkRows,
                doublings);
    }

    private static final class Count {
        private final LongNetConfig model;
        private final Shards shards;
        private final long start;
        private final long end;
        private final long nodeStart;
        private final long nodeEnd;
        private double local;
        private double far;
        private double node;
        private double network;

        Count(LongNetConfig model, Shards shards, int rank) {
            this.model = model;
            this.shards = shards;
            start = shards.start(rank);
            end = shards.start(rank + 1);
            nodeStart = shards.nodeStart(rank);
            nodeEnd = shards.nodeEnd(rank);
        }

        RankWork all() {
            int doublings = 0;
            for (Branch branch : model.pattern().branches()) {
                double before = node + network;
                for (int offset = 0; offset < branch.offsets(model.heads()); offset++) {
                    add(branch, offset);
                }
                doublings += node + network > before ? doublings(branch) : 0;
            }
            return new RankWork(local, shared(model.pattern()), far, node, network, doublings);
        }

        /** The heads of one offset, which keep the same rows. */
        private void add(Branch branch, int offset) {
            int heads = model.heads(), head = offset * branch.headsPerOffset(heads);
            int end = Math.min(heads, head + branch.headsPerOffset(heads)),
                    queriesOfKey = heads / model.keyValueHeads();
            int queryHeads = end - head, keyHeads = (end - 1) / queriesOfKey - head / queriesOfKey + 1;
            long first = segmentOf(branch, start), last = segmentOf(branch, this.end - 1);
            local += queryHeads * ownPairs(branch, head);
            cut(branch, head, queryHeads, keyHeads, first);
            if (last > first) {
                cut(branch, head, queryHeads, keyHeads, last);
            }
        }

        /** What is far in a segment that the rank may hold a part of. */
        private void cut(Branch branch, int head, int queryHeads, int keyHeads, long segment) {
            long until = Math.min(segment + branch.segment(), shards.length());
            long from = Math.max(start, segment), to = Math.min(end, until);
            long queries = rows(branch, head, from, to);
            if (queries > 0) {
                long after = model.causal() ? to : until;
                double seen = rows(branch, head, segment, from) + rows(branch, head, to, after);
                double near = rows(branch, head, Math.max(segment, Math.min(nodeStart, from)), from)
                        + rows(branch, head, to, Math.min(after, Math.max(nodeEnd, to)));
                far += queryHeads * queries * seen;
                node += keyHeads * near;
                network += keyHeads * (seen - near);
            }
        }

        /** Pairs within the rank's part of every segment, of one head. */
        private double ownPairs(Branch branch, int head) {
            long first = segmentOf(branch, start), last = segmentOf(branch, end - 1);
            double pairs = pairs(rows(branch, head, start, Math.min(end, first + branch.segment())));
            if (last > first) {
                double whole = (last - first) / branch.segment() - 1;
                pairs += whole * pairs(branch.keptRows(head, model.heads(), branch.segment()))
                        + pairs(rows(branch, head, last, end));
            }
            return pairs;
        }

        /** Only branches of which the rank holds whole segments are computed in one launch. */
        private double shared(DilationPattern pattern) {
            SharedPairs sharing = SharedPairs.of(pattern, shards.length(), model.heads());
            double shared = 0;
            for (int i = 0; i < pattern.branches().size(); i++) {
                Branch branch = pattern.branches().get(i);
                for (int head = 0; head < model.heads(); head++) {
                    long inner = sharing.inner(i, head);
                    if (inner > 0 && Math.min(branch.segment(), shards.length()) <= end - start) {
                        shared += ownPairs(new Branch(inner, branch.ratio()), head);
                    }
                }
            }
            return shared;
        }

        private double pairs(double rows) {
            return model.causal() ? rows * (rows + 1) / 2 : rows * rows;
        }

        private int doublings(Branch branch) {
            int ranks = Math.max(ranks(branch, segmentOf(branch, start)), ranks(branch, segmentOf(branch, end - 1)));
            return Integer.SIZE - Integer.numberOfLeadingZeros(ranks - 1);
        }

        private int ranks(Branch branch, long segment) {
            long until = Math.min(segment + branch.segment(), shards.length());
            return shards.rankOf(until - 1) - shards.rankOf(segment) + 1;
        }

        private long rows(Branch branch, int head, long from, long to) {
            return branch.keptRows(head, model.heads(), to) - branch.keptRows(head, model.heads(), from);
        }

        private static long segmentOf(Branch branch, long token) {
            return token / branch.segment() * branch.segment();
        }
    }
}
