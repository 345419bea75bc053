package dev.longnet.data;

import java.util.regex.Pattern;

/**
 * A path pattern: {@code *} and {@code ?} stay inside a name, {@code **} crosses folders (also none), {@code [a-z]} is
 * one of some characters and {@code {a,b}} one of some words.
 *
 * <p>Java's own globs want at least one folder for {@code **}{@code /}, so {@code **}{@code /*.md} would not find
 * {@code a.md}.
 */
final class Glob {
    private static final int UNLIMITED = Integer.MAX_VALUE;

    private final String base;
    private final Pattern pattern;
    private final int depth;

    Glob(String text) {
        int special = 0;
        while (special < text.length() && !isSpecial(text.charAt(special))) {
            special++;
        }
        int slash = text.lastIndexOf('/', special);
        base = text.substring(0, slash + 1);
        String rest = text.substring(slash + 1).replaceAll("/+$", "");
        pattern = Pattern.compile(regex(rest), Pattern.DOTALL);
        depth = rest.contains("**") ? UNLIMITED : rest.split("/").length;
    }

    static boolean isGlob(String text) {
        return text.chars().anyMatch(c -> isSpecial((char) c));
    }

    private static boolean isSpecial(char c) {
        return c == '*' || c == '?' || c == '[' || c == '{';
    }

    /** The folder in front of the first special character, with its last slash; empty for the current one. */
    String base() {
        return base;
    }

    /** Names that a matching path below {@link #base} has at most. */
    int depth() {
        return depth;
    }

    /** Whether a path below {@link #base}, with slashes, matches. */
    boolean matches(String path) {
        return pattern.matcher(path).matches();
    }

    private static String regex(String glob) {
        StringBuilder regex = new StringBuilder();
        int alternatives = 0;
        for (int i = 0; i < glob.length(); i++) {
            char c = glob.charAt(i);
            if (glob.startsWith("**/", i)) {
                regex.append("(?:.*/)?");
                i += 2;
            } else if (glob.startsWith("**", i)) {
                regex.append(".*");
                i++;
            } else if (c == '*') {
                regex.append("[^/]*");
            } else if (c == '?') {
                regex.append("[^/]");
            } else if (c == '[' && glob.indexOf(']', i + 2) > 0) {
                int end = glob.indexOf(']', i + 2);
                regex.append(set(glob.substring(i + 1, end)));
                i = end;
            } else if (c == '{' && glob.indexOf('}', i) > 0) {
                regex.append("(?:");
                alternatives++;
            } else if (c == '}' && alternatives > 0) {
                regex.append(')');
                alternatives--;
            } else if (c == ',' && alternatives > 0) {
                regex.append('|');
            } else {
                regex.append(literal(c));
            }
        }
        // A brace that another one's end closed is closed here.
        return regex.append(")".repeat(alternatives)).toString();
    }

    /** Only ASCII has characters that mean something to a regular expression. */
    private static String literal(char c) {
        return c < 128 && !Character.isLetterOrDigit(c) ? "\\" + c : String.valueOf(c);
    }

    private static String set(String characters) {
        boolean not = characters.charAt(0) == '!' && characters.length() > 1;
        StringBuilder set = new StringBuilder(not ? "[^/" : "[");
        String members = not ? characters.substring(1) : characters;
        for (int i = 0; i < members.length(); i++) {
            char c = members.charAt(i);
            boolean range =
                    c == '-' && i > 0 && i + 1 < members.length() && members.charAt(i - 1) <= members.charAt(i + 1);
            set.append(range ? "-" : literal(c));
        }
        return set.append(']').toString();
    }
}
