package dev.longnet.app.serve;

import java.util.List;

/**
 * Cuts a text that comes piece by piece where one of some stops begins. What may be the beginning of a stop waits until it
 * is known not to be.
 */
final class StopText {
    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    /** @param stops none empty */
    StopText(List<String> stops) {
        this.stops = stops;
    }

    /** What is certain to belong to the text after one more piece. */
    String accept(String piece) {
        held.append(piece);
        int end = Integer.MAX_VALUE;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            end = at < 0 ? end : Math.min(end, at);
        }
        if (end < Integer.MAX_VALUE) {
            stopped = true;
            return take(end);
        }
        return take(held.length() - waiting());
    }

    /** Whether a stop has come. */
    boolean stopped() {
        return stopped;
    }

    /** What still waits when the text has ended without a stop. */
    String finish() {
        return stopped ? "" : take(held.length());
    }

    private String take(int count) {
        String text = held.substring(0, count);
        held.delete(0, count);
        return text;
    }

    /** Length of the longest end of what is held that a stop begins with. */
    private int waiting() {
        int longest = 0;
        for (String stop : stops) {
            for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
                if (stop.startsWith(held.substring(held.length() - n))) {
                    longest = n;
                }
            }
        }
        return longest;
    }
}
