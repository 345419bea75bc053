package dev.longnet.pattern;

import static dev.longnet.Checks.requireArgument;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The branches of dilated attention, merged by their softmax denominators. */
public record DilationPattern(List<Branch> branches) {
    /** The paper's language model (section 4.1): w = 2048 … 32768, r = 1, 2, 4, 6, 12. */
    public static final DilationPattern PAPER = parse("2048:1,4096:2,8192:4,16384:6,32768:12");

    public DilationPattern {
        branches = List.copyOf(branches);
        requireArgument(!branches.isEmpty(), "a pattern needs at least one branch, such as 2048:1");
    }

    /** Reads {@code "2048:1,4096:2"}; segments take the suffixes k (1024) and m (1024²). */
    public static DilationPattern parse(String text) {
        List<Branch> branches = new ArrayList<>();
        for (String part : text.split(",")) {
            String[] pair = part.trim().split(":");
            requireArgument(
                    pair.length == 2,
                    "branch \"%s\" of pattern \"%s\" is not segment:ratio, such as 4096:2",
                    part,
                    text);
            branches.add(new Branch(Long.parseLong(pair[0].trim()), Integer.parseInt(pair[1].trim())));
        }
        return new DilationPattern(branches);
    }

    @Override
    public String toString() {
        return branches.stream().map(Branch::toString).collect(Collectors.joining(","));
    }
}
