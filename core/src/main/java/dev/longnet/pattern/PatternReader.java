package dev.longnet.pattern;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.InvalidArgumentException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the text form of a pattern, such as {@code 2k:1,4k:2}; every error names the part and shows a right one. */
final class PatternReader {
    private static final Pattern SIZE = Pattern.compile("(\\d+)([kKmMgG]?)");

    private final String text;
    private final boolean grows;

    PatternReader(String text) {
        requireArgument(
                text != null && !text.isBlank(),
                "the pattern is empty; give at least one segment:ratio, such as 2048:1 or 2048:1,4096:2");
        grows = text.strip().endsWith(DilationPattern.GROWS);
        this.text = text.strip();
    }

    boolean grows() {
        return grows;
    }

    List<Branch> branches() {
        List<Branch> branches = new ArrayList<>();
        String listed = grows ? text.substring(0, text.length() - DilationPattern.GROWS.length()) : text;
        for (String part : listed.split(",", -1)) {
            branches.add(branch(part.strip()));
        }
        return branches;
    }

    private Branch branch(String part) {
        requireArgument(!part.isEmpty(), "pattern \"%s\" has an empty branch; remove the extra comma", text);
        String[] pair = part.split(":", -1);
        requireArgument(
                pair.length == 2,
                "branch \"%s\" of pattern \"%s\" is not segment:ratio; write it like 4096:2",
                part,
                text);
        long segment = size(pair[0].strip(), "segment length", part, Long.MAX_VALUE);
        long ratio = size(pair[1].strip(), "dilation ratio", part, Integer.MAX_VALUE);
        try {
            return new Branch(segment, (int) ratio);
        } catch (InvalidArgumentException e) {
            throw new InvalidArgumentException(e, "branch \"%s\" of pattern \"%s\": %s", part, text, e.getMessage());
        }
    }

    private long size(String number, String name, String part, long largest) {
        Matcher size = SIZE.matcher(number);
        requireArgument(
                size.matches(),
                "%s \"%s\" in branch \"%s\" is not a whole number; write it like 4096 or 4k (k, m, g are powers of 1024)",
                name,
                number,
                part);
        try {
            long value = Math.multiplyExact(Long.parseLong(size.group(1)), unit(size.group(2)));
            if (value <= largest) {
                return value;
            }
        } catch (ArithmeticException | NumberFormatException e) {
            // More digits than a long holds: the message below is the same.
        }
        throw new InvalidArgumentException(
                "%s \"%s\" in branch \"%s\" is too large; use at most %d", name, number, part, largest);
    }

    private static long unit(String suffix) {
        return switch (suffix) {
            case "k", "K" -> 1L << 10;
            case "m", "M" -> 1L << 20;
            case "g", "G" -> 1L << 30;
            default -> 1;
        };
    }
}
