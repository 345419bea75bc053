package dev.longnet.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** The known word that a mistyped one was meant to be. */
public final class Suggestions {
    private Suggestions() {}

    /**
     * The nearest of {@code known}, if it is near enough to be a typing mistake: at most a third of the letters wrong.
     * Case, hyphens and underscores do not count.
     */
    public static Optional<String> nearest(String word, Collection<String> known) {
        String typed = plain(word);
        return known.stream()
                .filter(candidate -> distance(typed, plain(candidate))
                        <= Math.max(1, plain(candidate).length() / 3))
                .min(Comparator.comparingInt(candidate -> distance(typed, plain(candidate))));
    }

    private static String plain(String word) {
        return word.toLowerCase(Locale.ROOT).replaceAll("[-_]", "");
    }

    /** Letters to insert, delete, change or swap with their neighbour (optimal string alignment), O(|a|·|b|). */
    static int distance(String a, String b) {
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                d[i][j] = Math.min(d[i - 1][j - 1] + change, 1 + Math.min(d[i - 1][j], d[i][j - 1]));
                boolean swapped =
                        i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
                if (swapped) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
