package dev.longnet.app.serve;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Relative luminance and contrast as the Web Content Accessibility Guidelines 2.2 define them, of colours as drawn. */
final class Contrast {
    private static final Pattern NUMBERS = Pattern.compile("rgba?\\((\\d+), (\\d+), (\\d+)(?:, ([0-9.]+))?\\)");

    private Contrast() {}

    /** Luminance of the backgrounds of {@code kind-0}, {@code kind-1}, …. */
    static List<Double> lightness(Browser browser, String kind, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> luminance(colour(browser, kind + "-" + i, "backgroundColor")))
                .toList();
    }

    static List<Double> ofText(Browser browser, String kind, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> ratio(
                        colour(browser, kind + "-" + i, "color"), colour(browser, kind + "-" + i, "backgroundColor")))
                .toList();
    }

    /** Of an element's text on the nearest background that is not transparent. */
    static double of(Browser browser, String selector) {
        List<?> colours = (List<?>) browser.script(
                "let e = document.querySelector(arguments[0]); const ink = getComputedStyle(e).color;"
                        + "while (getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)') e = e.parentElement;"
                        + "return [ink, getComputedStyle(e).backgroundColor]",
                selector);
        return ratio((String) colours.get(0), (String) colours.get(1));
    }

    private static String colour(Browser browser, String name, String property) {
        return (String) browser.script(
                "const e = document.createElement('span'); e.className = arguments[0]; document.body.append(e);"
                        + "const c = getComputedStyle(e)[arguments[1]]; e.remove(); return c",
                name,
                property);
    }

    private static double ratio(String one, String other) {
        double a = luminance(one), b = luminance(other);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }

    private static double luminance(String colour) {
        Matcher numbers = NUMBERS.matcher(colour);
        if (!numbers.matches() || numbers.group(4) != null) {
            throw new AssertionError("not an opaque colour: " + colour);
        }
        return 0.2126 * linear(numbers.group(1))
                + 0.7152 * linear(numbers.group(2))
                + 0.0722 * linear(numbers.group(3));
    }

    private static double linear(String channel) {
        double share = Integer.parseInt(channel) / 255.0;
        return share <= 0.04045 ? share / 12.92 : Math.pow((share + 0.055) / 1.055, 2.4);
    }
}
