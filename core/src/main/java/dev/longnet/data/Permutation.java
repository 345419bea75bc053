package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

/**
 * A seeded permutation of 0 … n − 1 that takes no memory.
 *
 * <p>A Feistel network permutes the numbers of an even number of bits, at most 4n of them. An image that is not below n
 * is permuted again until one is (cycle walking), which stays a permutation and takes less than four steps on average
 * (Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002).
 */
final class Permutation {
    private static final int ROUNDS = 6;

    private final long size;
    private final long key;
    private final int halfBits;
    private final long halfMask;

    Permutation(long size, long key) {
        requireArgument(size > 0 && size <= 1L << 60, "a permutation needs 1 to 2^60 numbers, got %d", size);
        this.size = size;
        this.key = key;
        int bits = Long.SIZE - Long.numberOfLeadingZeros(size - 1);
        halfBits = Math.max(1, (bits + 1) / 2);
        halfMask = (1L << halfBits) - 1;
    }

    long size() {
        return size;
    }

    /** The number at {@code position} in [0, size). */
    long at(long position) {
        long image = position;
        do {
            image = permute(image);
        } while (image >= size);
        return image;
    }

    private long permute(long number) {
        long left = number >>> halfBits;
        long right = number & halfMask;
        for (int round = 0; round < ROUNDS; round++) {
            long next = left ^ Mix.mix(key + round, right) & halfMask;
            left = right;
            right = next;
        }
        return left << halfBits | right;
    }
}
