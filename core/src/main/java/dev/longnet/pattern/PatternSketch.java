package dev.longnet.pattern;

import java.util.List;
import java.util.function.LongToIntFunction;
import java.util.stream.LongStream;

/**
 * A pattern small enough to draw that looks like a large one.
 *
 * <p>Sizes that do not fit are multiplied by one factor so that the largest is {@link #LARGEST}. Where that would leave
 * the smallest below {@link #SMALLEST}, the factor itself follows a power law, which keeps geometric patterns geometric
 * with a smaller growth. Ratios stay as they are unless they no longer fit into their segments.
 *
 * @param branches the drawn branches, in the order of the pattern's
 * @param length number of positions drawn
 */
record PatternSketch(List<Branch> branches, int length) {
    static final int LARGEST = 64;
    static final int SMALLEST = 4;

    static PatternSketch of(DilationPattern pattern, long length) {
        LongToIntFunction drawn = scale(pattern, length);
        List<Branch> branches = pattern.branches().stream()
                .map(branch -> {
                    int segment = drawn.applyAsInt(Math.min(branch.segment(), length));
                    return new Branch(segment, Math.min(branch.ratio(), segment));
                })
                .toList();
        return new PatternSketch(branches, drawn.applyAsInt(length));
    }

    private static LongToIntFunction scale(DilationPattern pattern, long length) {
        if (length <= LARGEST) {
            return size -> (int) size;
        }
        double smallest = LongStream.concat(
                        LongStream.of(length), pattern.branches().stream().mapToLong(Branch::segment))
                .min()
                .orElseThrow();
        double growth = Math.log((double) LARGEST / SMALLEST);
        double power = Math.min(1, growth / Math.max(growth, Math.log(length / smallest)));
        return size -> (int) Math.max(1, Math.round(LARGEST * Math.pow((double) size / length, power)));
    }
}
