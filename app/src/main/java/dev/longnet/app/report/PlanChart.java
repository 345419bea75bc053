package dev.longnet.app.report;

import static dev.longnet.app.report.Html.escape;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Time and memory by length, dilated beside dense attention, as one SVG file that needs nothing else. */
public final class PlanChart {
    private static final double GIB = 1L << 30;

    /** Pixels of the picture, and of a chart in it. */
    private static final int WIDTH = 1000, LEFT = 80, RIGHT = 40, TOP = 120, HEIGHT = 280, STEP = 400;

    /** Pixels from a name in the legend to the next. */
    private static final int NAME = 230;

    private final String subtitle;
    private final Chart time;
    private final Chart memory;
    private final List<Series> named = new ArrayList<>();

    /**
     * @param what takes the time, such as training step
     * @param subtitle which model on which device
     */
    public PlanChart(String what, String subtitle) {
        this.subtitle = subtitle;
        time = new Chart("Time of a " + what + ", seconds", "predicted");
        memory = new Chart("Memory of a device, GiB", "predicted");
        for (Chart chart : List.of(time, memory)) {
            chart.x("tokens", Axis.Kind.TOKENS).y(Axis.Kind.LOGARITHMIC);
        }
    }

    /**
     * Adds a curve of dilated and one of dense attention to both charts.
     *
     * @param at what the names of the curves end in
     * @param lengths in tokens, any order
     * @param seconds with the pattern, one a length
     */
    public void add(
            String at, double[] lengths, double[] seconds, double[] bytes, double[] denseSeconds, double[] denseBytes) {
        int colour = named.size();
        add(new Series("dilated" + at, colour, lengths, seconds), bytes);
        add(new Series("dense" + at, colour + 1, lengths, denseSeconds), denseBytes);
    }

    private void add(Series seconds, double[] bytes) {
        named.add(seconds);
        time.add(seconds);
        double[] gib = Arrays.stream(bytes).map(all -> all / GIB).toArray();
        memory.add(new Series(seconds.name(), seconds.colour(), seconds.x(), gib));
    }

    public String svg() {
        int height = TOP + 2 * STEP - 30;
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%1$d\" height=\"%2$d\""
                        + " font-family=\"system-ui, sans-serif\" font-size=\"16\">\n<style>\n%s.title { fill: var(--ink);"
                        + " font-weight: 600; }\n.small { fill: var(--soft); font-size: 0.85rem; }\n.key { stroke:"
                        + " var(--colour); stroke-width: 3; }\n</style>\n",
                WIDTH,
                height,
                escape(Page.style())));
        svg.append("<rect width=\"100%\" height=\"100%\" fill=\"var(--page)\"/>\n");
        text(svg, LEFT, 32, "small", subtitle);
        for (int i = 0; i < named.size(); i++) {
            int x = LEFT + i * NAME % (WIDTH - LEFT - RIGHT - NAME / 2), y = 56;
            svg.append(String.format(
                    Locale.ROOT,
                    "<line class=\"key %s\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%4$d\"/>\n",
                    Chart.style(named.get(i)),
                    x,
                    x + 22,
                    y));
            text(svg, x + 30, y + 5, "small", named.get(i).name());
        }
        chart(svg, time, "Time, seconds", 0);
        chart(svg, memory, "Memory of a device, GiB", 1);
        return svg.append("</svg>\n").toString();
    }

    private static void chart(StringBuilder svg, Chart chart, String title, int place) {
        int y = TOP + place * STEP;
        text(svg, LEFT, y - 20, "title", title);
        svg.append("<g class=\"plot\"><g>")
                .append(chart.svg(String.format(
                        Locale.ROOT,
                        "x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" overflow=\"visible\" ",
                        LEFT,
                        y,
                        WIDTH - LEFT - RIGHT,
                        HEIGHT)))
                .append("</g></g>\n");
    }

    private static void text(StringBuilder svg, int x, int y, String style, String text) {
        svg.append(String.format(
                Locale.ROOT, "<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n", style, x, y, escape(text)));
    }
}
