package dev.longnet.app.report;

import static dev.longnet.app.report.Html.escape;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.DoubleStream;

/**
 * A line chart as inline SVG that needs no script.
 *
 * <p>The {@code <svg>} is the plot area alone and its labels hang over its edges. Everything is placed in percent of
 * it, so the chart takes any width while text and lines keep their size; only the curves are stretched.
 */
final class Chart {
    /** A series of no more points than this shows each one, with its values on hover. */
    private static final int MOST_DOTS = 64;

    private static final int COLOURS = 6;

    private final String title;
    private final String description;
    private final List<Series> series = new ArrayList<>();
    private final Map<Double, String> markers = new TreeMap<>();
    private Axis.Kind xKind = Axis.Kind.LINEAR;
    private Axis.Kind yKind = Axis.Kind.LINEAR;
    private String xName = "";

    /**
     * @param title what is shown and its unit
     * @param description one sentence that says how to read it
     */
    Chart(String title, String description) {
        this.title = title;
        this.description = description;
    }

    Chart x(String name, Axis.Kind kind) {
        xName = name;
        xKind = kind;
        return this;
    }

    Chart y(Axis.Kind kind) {
        yKind = kind;
        return this;
    }

    Chart add(Series line) {
        series.add(line.thinned());
        return this;
    }

    /** Draws a vertical line with a label at an x. */
    Chart mark(double x, String label) {
        markers.merge(x, label, (one, other) -> one.equals(other) ? one : one + ", " + other);
        return this;
    }

    String html() {
        return "<figure class=\"chart\">\n<figcaption><strong>" + escape(title) + "</strong> <span>"
                + escape(description) + "</span></figcaption>\n" + legend() + "<div class=\"plot\">" + svg("")
                + "</div>\n</figure>\n";
    }

    /**
     * The plot area alone, over whose edges labels hang.
     *
     * @param place attributes that say where it stands, for one inside of another picture
     */
    String svg(String place) {
        Axis x = Axis.of(xKind, values(Series::x));
        Axis y = Axis.of(yKind, values(Series::y));
        String id = title.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
        StringBuilder html = new StringBuilder(
                        "<svg " + place + "role=\"img\" aria-labelledby=\"" + id + "-title " + id + "-desc\">")
                .append("<title id=\"" + id + "-title\">" + escape(title) + "</title>")
                .append("<desc id=\"" + id + "-desc\">" + escape(description) + "</desc>\n");
        grid(html, x, y);
        html.append("<svg class=\"curves\" viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\">\n");
        for (Series line : series) {
            html.append("<path class=\"" + style(line) + "\" d=\"" + path(line, x, y) + "\"/>\n");
        }
        html.append("</svg>\n");
        series.stream().filter(line -> line.x().length <= MOST_DOTS).forEach(line -> dots(html, line, x, y));
        return html.append("</svg>").toString();
    }

    private double[] values(Function<Series, double[]> side) {
        return series.stream().map(side).flatMapToDouble(DoubleStream::of).toArray();
    }

    private String legend() {
        List<Series> named = series.stream().filter(line -> !line.faint()).toList();
        if (named.size() < 2) {
            return "";
        }
        StringBuilder html = new StringBuilder("<ul class=\"legend\">");
        named.forEach(line -> html.append("<li class=\"" + style(line) + "\">" + escape(line.name()) + "</li>"));
        return html.append("</ul>\n").toString();
    }

    private void grid(StringBuilder html, Axis x, Axis y) {
        for (double tick : y.ticks()) {
            String at = percent(1 - y.place(tick));
            html.append("<line class=\"grid\" x2=\"100%\" y1=\"" + at + "\" y2=\"" + at + "\"/>")
                    .append("<text class=\"y\" x=\"-8\" y=\"" + at + "\">"
                            + escape(y.label().apply(tick)) + "</text>\n");
        }
        for (double tick : x.ticks()) {
            String at = percent(x.place(tick));
            html.append("<line class=\"tick\" x1=\"" + at + "\" x2=\"" + at + "\" y1=\"100%\" y2=\"100%\"/>")
                    .append("<text class=\"x\" x=\"" + at + "\" y=\"100%\">"
                            + escape(x.label().apply(tick)) + "</text>\n");
        }
        html.append("<text class=\"x name\" x=\"100%\" y=\"100%\">" + escape(xName) + "</text>\n");
        markers.forEach((value, label) -> {
            if (value >= x.low() && value <= x.high()) {
                String at = percent(x.place(value));
                html.append("<line class=\"mark\" x1=\"" + at + "\" x2=\"" + at + "\" y2=\"100%\"/>")
                        .append("<text class=\"mark\" x=\"" + at + "\">" + escape(label) + "</text>\n");
            }
        });
    }

    private static String path(Series line, Axis x, Axis y) {
        StringBuilder path = new StringBuilder();
        boolean gap = true;
        for (int i = 0; i < line.x().length; i++) {
            double left = 1000 * x.place(line.x()[i]);
            double top = 1000 * (1 - y.place(line.y()[i]));
            boolean drawn = Double.isFinite(left) && Double.isFinite(top);
            if (drawn) {
                path.append(String.format(Locale.ROOT, "%s%.1f %.1f", gap ? "M" : "L", left, top));
            }
            gap = !drawn;
        }
        return path.toString();
    }

    private void dots(StringBuilder html, Series line, Axis x, Axis y) {
        for (int i = 0; i < line.x().length; i++) {
            double left = x.place(line.x()[i]);
            double top = 1 - y.place(line.y()[i]);
            if (Double.isFinite(left) && Double.isFinite(top)) {
                String at = "cx=\"" + percent(left) + "\" cy=\"" + percent(top) + "\"";
                html.append("<g class=\"" + style(line) + "\"><title>"
                        + escape(line.name() + ", " + xText(line.x()[i]) + ": " + Numbers.compact(line.y()[i]))
                        + "</title><circle class=\"dot\" " + at + " r=\"3.5\"/><circle class=\"touch\" " + at
                        + " r=\"12\"/></g>\n");
            }
        }
    }

    private String xText(double value) {
        return xKind == Axis.Kind.TOKENS ? Numbers.tokens(value) : Numbers.fixed(value, 0);
    }

    static String style(Series line) {
        return "series s" + (line.colour() % COLOURS + 1) + (line.faint() ? " faint" : "");
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.2f%%", 100 * share);
    }
}
