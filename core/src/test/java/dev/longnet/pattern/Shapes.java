package dev.longnet.pattern;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.Arguments;

/** Odd shapes for every test, and the definition written out pair by pair, apart from the code under test. */
final class Shapes {
    private static final List<String> PATTERNS = List.of(
            "1:1", "4:1", "7:3", "5:5", "16:8,3:2", "4:1,8:2,16:4", "8:1,8:1", "6:4,9:2,31:7", "100:1", "12:12,2:1");

    private Shapes() {}

    /** Pattern, length, heads, causal. */
    static Stream<Arguments> all() {
        return PATTERNS.stream()
                .flatMap(pattern -> Stream.of(1, 2, 13, 16, 37)
                        .flatMap(length -> Stream.of(1, 2, 3, 5, 8)
                                .flatMap(heads -> Stream.of(true, false)
                                        .map(causal ->
                                                Arguments.of(DilationPattern.parse(pattern), length, heads, causal)))));
    }

    /** The segments are walked as a person would, rather than by division as the code does. */
    static int count(DilationPattern pattern, int query, int key, int head, int heads, int length, boolean causal) {
        int count = 0;
        for (Branch branch : pattern.branches()) {
            int offset = head / (int) Math.ceil((double) heads / branch.ratio());
            for (long start = 0; start < length; start += branch.segment()) {
                boolean q = false;
                boolean k = false;
                for (long kept = start + offset;
                        kept < Math.min(length, start + branch.segment());
                        kept += branch.ratio()) {
                    q |= kept == query;
                    k |= kept == key;
                }
                count += q && k && (!causal || key <= query) ? 1 : 0;
            }
        }
        return count;
    }
}
