package dev.longnet.app;

import java.time.Duration;
import java.util.Locale;

/** Numbers as people read them; three digits that count, then a unit. */
public final class Human {
    private Human() {}

    /** A count in thousands, millions or billions: 950, 3.25k, 1.2M, 17B. */
    public static String count(double number) {
        return scaled(number, 1000, "", "k", "M", "B", "T");
    }

    /** An amount of memory: 512 B, 1.5 KiB, 7.8 GiB. */
    public static String bytes(double bytes) {
        return scaled(bytes, 1024, " B", " KiB", " MiB", " GiB", " TiB");
    }

    /** A time: 0.4 s, 12 s, 2:05 (minutes), 1:02:05 (hours). */
    public static String time(Duration time) {
        long seconds = Math.max(0, time.toSeconds());
        if (seconds < 10) {
            return String.format(Locale.ROOT, "%.1f s", Math.max(0, time.toMillis()) / 1000.0);
        }
        if (seconds < 60) {
            return seconds + " s";
        }
        return seconds < 3600
                ? String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }

    /** A time of any size in seconds: 3.2 ms, 4.5 s, 2:05 (minutes), 1:02:05 (hours), 12 days, 2.5 years. */
    public static String span(double seconds) {
        if (seconds < 1) {
            return String.format(Locale.ROOT, seconds < 0.01 ? "%.2f ms" : "%.1f ms", 1e3 * seconds);
        }
        if (seconds < 60) {
            return String.format(Locale.ROOT, "%.1f s", seconds);
        }
        double days = seconds / Duration.ofDays(1).toSeconds();
        if (days < 3) {
            return time(Duration.ofSeconds(Math.round(seconds)));
        }
        return days < 365 ? count(days) + " days" : count(days / 365.25) + " years";
    }

    private static String scaled(double number, int step, String... units) {
        int unit = 0;
        while (Math.abs(number) >= step - 0.5 && unit < units.length - 1) {
            number /= step;
            unit++;
        }
        String text = String.format(Locale.ROOT, "%." + decimals(Math.abs(number)) + "f", number);
        String digits = text.contains(".") ? text.replaceAll("\\.?0+$", "") : text;
        return digits + units[unit];
    }

    /** Decimals that make three digits in all. */
    private static int decimals(double number) {
        if (number < 9.995) {
            return 2;
        }
        return number < 99.95 ? 1 : 0;
    }
}
