package dev.longnet.app.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** Numbers as people read them, the same in every locale. */
final class Numbers {
    /** Stands for what is not a number. */
    static final String UNKNOWN = "–";

    private Numbers() {}

    /** A fixed number of digits after the point; "–" for what is not a number. */
    static String fixed(double number, int digits) {
        return Double.isNaN(number) ? UNKNOWN : String.format(Locale.ROOT, "%,." + digits + "f", number);
    }

    /** Three digits and a suffix: 950, 12.3K, 4.56M, 1.2B. */
    static String compact(double number) {
        if (Double.isNaN(number) || Double.isInfinite(number)) {
            return UNKNOWN;
        }
        double size = Math.abs(number);
        if (size >= 999_500_000) {
            return plain(number / 1e9) + "B";
        }
        if (size >= 999_500) {
            return plain(number / 1e6) + "M";
        }
        return size >= 9_999.5 ? plain(number / 1e3) + "K" : plain(number);
    }

    /** A context length: 512, 8K (8192), 1M (1024²); other numbers in full. */
    static String tokens(double number) {
        long whole = Math.round(number);
        if (whole > 0 && whole % (1 << 20) == 0) {
            return (whole >> 20) + "M";
        }
        return whole > 0 && whole % (1 << 10) == 0 ? (whole >> 10) + "K" : String.format(Locale.ROOT, "%,d", whole);
    }

    private static String plain(double number) {
        if (number == Math.rint(number) && Math.abs(number) < 10_000) {
            return String.valueOf((long) number);
        }
        if (Math.abs(number) < 1e-4) {
            return String.format(Locale.ROOT, "%.1e", number)
                    .replace(".0e", "e")
                    .replace("e-0", "e-");
        }
        BigDecimal rounded = new BigDecimal(number).round(new MathContext(Math.abs(number) < 1000 ? 3 : 4));
        return rounded.stripTrailingZeros().toPlainString();
    }
}
