package dev.longnet.data;

/** Numbers that look random and depend on nothing but their arguments; the same on every machine. */
final class Mix {
    private static final long GOLDEN_RATIO = 0x9E3779B97F4A7C15L;

    private Mix() {}

    /** The finalizer of SplitMix64 (Steele, Lea and Flood 2014) on {@code value} in the stream {@code key}. */
    static long mix(long key, long value) {
        return scramble(scramble(key + GOLDEN_RATIO) ^ value);
    }

    private static long scramble(long value) {
        long z = value;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    /** A number in [0, 1) for a text. */
    static double fraction(long key, String text) {
        long hash = key;
        for (int i = 0; i < text.length(); i++) {
            hash = mix(hash, text.charAt(i));
        }
        return (mix(hash, text.length()) >>> 11) * 0x1p-53;
    }
}
