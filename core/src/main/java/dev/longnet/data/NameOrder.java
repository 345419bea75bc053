package dev.longnet.data;

import java.util.Comparator;

/**
 * The order of documents by path: a folder's own files first, then its subfolders, each by name. Files of one folder
 * stay together, so neighbours on the disk are neighbours in the token stream.
 */
final class NameOrder implements Comparator<String> {
    static final NameOrder INSTANCE = new NameOrder();

    private NameOrder() {}

    @Override
    public int compare(String left, String right) {
        int same = 0;
        int shorter = Math.min(left.length(), right.length());
        int folder = 0;
        while (same < shorter && left.charAt(same) == right.charAt(same)) {
            same++;
            if (left.charAt(same - 1) == '/') {
                folder = same;
            }
        }
        int leftEnd = left.indexOf('/', folder);
        int rightEnd = right.indexOf('/', folder);
        if (leftEnd < 0 != rightEnd < 0) {
            return leftEnd < 0 ? -1 : 1;
        }
        if (leftEnd < 0) {
            return left.compareTo(right);
        }
        return left.substring(folder, leftEnd).compareTo(right.substring(folder, rightEnd));
    }
}
