package dev.longnet.app.report;

import dev.longnet.config.Sizes;
import dev.longnet.recall.RecallResult;
import java.util.List;
import java.util.Locale;

/** Right answers by distance as one SVG picture that stands by itself. */
public final class RecallChart {
    private static final int WIDTH = 720, HEIGHT = 360, LEFT = 60, RIGHT = 20, TOP = 40, BOTTOM = 50;
    private static final String[] COLOURS = {"#0b6bcb", "#d1495b"};

    private RecallChart() {}

    /** The picture of results of one or both kinds of attention. */
    public static String svg(List<RecallResult> results) {
        double low =
                Math.log(results.stream().mapToInt(RecallResult::distance).min().orElse(1));
        double high =
                Math.log(results.stream().mapToInt(RecallResult::distance).max().orElse(2));
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\""
                        + " font-size=\"13\">%n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n",
                WIDTH,
                HEIGHT));
        for (int percent = 0; percent <= 100; percent += 25) {
            double y = y(percent / 100.0);
            line(svg, LEFT, y, WIDTH - RIGHT, y, "#dddddd", false);
            text(svg, LEFT - 8, y + 4, "end", percent + " %");
        }
        results.stream()
                .map(RecallResult::distance)
                .distinct()
                .forEach(distance ->
                        text(svg, x(distance, low, high), HEIGHT - BOTTOM + 20, "middle", Sizes.format(distance)));
        text(svg, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, "middle", "tokens from the fact to the answer");
        double chance = y(results.get(0).chance());
        line(svg, LEFT, chance, WIDTH - RIGHT, chance, "#888888", true);
        text(svg, WIDTH - RIGHT, chance - 5, "end", "guessing");
        List<String> kinds =
                results.stream().map(RecallResult::attention).distinct().toList();
        for (int i = 0; i < kinds.size(); i++) {
            String kind = kinds.get(i);
            List<RecallResult> of =
                    results.stream().filter(r -> r.attention().equals(kind)).toList();
            curve(svg, of, low, high, COLOURS[i % 2], false);
            curve(svg, of, low, high, COLOURS[i % 2], true);
            svg.append(String.format(
                    Locale.ROOT,
                    "<text x=\"%d\" y=\"22\" fill=\"%s\">%s: right answers (dotted: covered)</text>%n",
                    LEFT + i * 310,
                    COLOURS[i % 2],
                    Html.escape(kind)));
        }
        return svg.append("</svg>\n").toString();
    }

    private static void curve(
            StringBuilder svg, List<RecallResult> results, double low, double high, String colour, boolean covered) {
        StringBuilder points = new StringBuilder();
        for (RecallResult r : results) {
            points.append(String.format(
                    Locale.ROOT, "%.1f,%.1f ", x(r.distance(), low, high), y(covered ? r.covered() : r.right())));
        }
        svg.append("<polyline fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"" + (covered ? 1 : 2.5) + "\""
                + (covered ? " stroke-dasharray=\"2 4\"" : "") + " points=\""
                + points.toString().trim() + "\"/>\n");
    }

    private static void line(
            StringBuilder svg, double x1, double y1, double x2, double y2, String colour, boolean dashed) {
        svg.append(String.format(
                Locale.ROOT,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"%s/>%n",
                x1,
                y1,
                x2,
                y2,
                colour,
                dashed ? " stroke-dasharray=\"6 4\"" : ""));
    }

    private static void text(StringBuilder svg, double x, double y, String anchor, String text) {
        svg.append(String.format(
                Locale.ROOT,
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"#333333\">%s</text>%n",
                x,
                y,
                anchor,
                Html.escape(text)));
    }

    private static double x(int distance, double low, double high) {
        double place = high > low ? (Math.log(distance) - low) / (high - low) : 0.5;
        return LEFT + 20 + place * (WIDTH - LEFT - RIGHT - 40);
    }

    private static double y(double share) {
        return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
    }
}
