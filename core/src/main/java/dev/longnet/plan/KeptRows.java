package dev.longnet.plan;

import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;

/**
 * What stays of a text that is read in pieces: of each branch room for the most rows that a head kept of a segment when a
 * piece ended. Room grows from 64 rows on by doubling, up to the most that a segment has.
 */
final class KeptRows {
    private static final long FIRST = 64;

    /** Segments of a branch that are looked at; where pieces and segments divide each other one is enough. */
    private static final int SEGMENTS = 1 << 14;

    private final DilationPattern pattern;
    private final long piece;
    private final long length;

    /** @param piece tokens read at once; pieces end at its multiples, where branches begin to be seen, and with the text */
    KeptRows(DilationPattern pattern, long piece, long length) {
        this.pattern = pattern;
        this.piece = piece;
        this.length = length;
    }

    /** Bytes of keys and values of all heads and layers. */
    static double bytes(LongNetConfig model, long piece, long length, int bytesPerNumber) {
        KeptRows rows = new KeptRows(model.pattern(), piece, length);
        return 2.0 * bytesPerNumber * model.embedding() * model.layers() * rows.ofAHead();
    }

    /** Rows that there is room for, of a head and all branches together, those that are not seen yet included. */
    double ofAHead() {
        return pattern.whole().branches().stream().mapToDouble(this::room).sum();
    }

    private double room(Branch branch) {
        long most = branch.rowsBefore(branch.segment(), 0), room = 0, start = 0;
        for (int i = 0; i < SEGMENTS && start < length && room < most; i++) {
            long end = branch.segment() > length - start ? length : start + branch.segment() - 1;
            // The places of this segment where rows are more than there is room for.
            for (long more = start + 1; more <= end; ) {
                long at = pieceEnd(more);
                if (at > end) {
                    break;
                }
                long rows = branch.rowsBefore(at - start, 0);
                room = rows > room ? Math.min(most, Math.max(rows, Math.max(FIRST, 2 * room))) : room;
                more = room >= most || branch.segment() <= room * branch.ratio()
                        ? Long.MAX_VALUE
                        : Math.max(at, start + room * branch.ratio()) + 1;
            }
            start += Math.min(branch.segment(), Long.MAX_VALUE - start);
        }
        return room;
    }

    /** The first end of a piece at this position or later. */
    private long pieceEnd(long position) {
        long end = Math.min(length, (position + piece - 1) / piece * piece),
                change = pattern.changesAfter(position - 1);
        return Math.min(end, change);
    }
}
