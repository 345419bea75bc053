package dev.longnet.attention;

import static dev.longnet.Checks.requireArgument;

/**
 * Rotary positions (arXiv 2104.09864), with xPos damping (arXiv 2212.10554) where asked.
 *
 * <p>Feature pair i of a head at position p is one complex number. It is turned by e^(j·p·θ_i), θ_i = base^(−2i/D). With
 * damping over c tokens queries are also multiplied by ζ_i^(p/c) and keys by ζ_i^(−p/c), ζ_i = (2i + 0.4 D)/(1.4 D), so
 * that a score depends on the distance alone and fades with it.
 *
 * @param headDim features D of a head, even
 * @param base of the angles, 10 000 in the papers
 * @param damping c in tokens, 512 in torchscale, or 0 for rotation alone
 */
public record Rotary(int headDim, double base, int damping) {
    public Rotary {
        requireArgument(
                headDim > 0 && headDim % 2 == 0, "rotary positions turn pairs; head dimension %d is odd", headDim);
        requireArgument(base > 1 && Double.isFinite(base), "rotary base must be a finite number above 1, got %s", base);
        requireArgument(damping >= 0, "damping must be 0 (none) or a number of tokens, got %d", damping);
    }

    /** θ_i for i = 0 … D/2 − 1, in radians a token. */
    double[] frequencies() {
        double[] frequencies = new double[headDim / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(base, -2.0 * i / headDim);
        }
        return frequencies;
    }

    /** log₂ ζ_i / c, what one token of distance adds to the binary exponent; all negative. */
    double[] exponents() {
        double[] exponents = new double[headDim / 2];
        for (int i = 0; i < exponents.length; i++) {
            exponents[i] = Math.log((2.0 * i + 0.4 * headDim) / (1.4 * headDim)) / Math.log(2) / damping;
        }
        return exponents;
    }

    /**
     * The longest stretch of tokens over which both factors, counted from its middle, stay within 2^±116 and so far
     * inside the range of float32 and bfloat16.
     */
    long longestDamped() {
        return damping == 0 ? Long.MAX_VALUE : (long) (2 * 116 / -exponents()[0]);
    }
}
