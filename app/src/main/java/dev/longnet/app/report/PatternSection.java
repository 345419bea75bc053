package dev.longnet.app.report;

import static dev.longnet.app.report.Html.element;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.pattern.PatternPicture;
import java.util.Locale;

/** The dilation pattern of the run's configuration, drawn, with what it costs. */
final class PatternSection {
    private PatternSection() {}

    static String html(JsonNode config) {
        String text = config.path("model").path("pattern").asText();
        if (text.isEmpty()) {
            return Html.note("There is no config.yaml with a model.pattern to draw.");
        }
        try {
            DilationPattern pattern = DilationPattern.parse(text);
            int heads = Math.max(1, config.path("model").path("heads").asInt(1));
            boolean causal = config.path("model").path("causal").asBoolean(true);
            long length = config.path("train").path("length").asLong();
            return drawn(pattern, length > 0 ? length : pattern.longestSegment(), heads, causal);
        } catch (IllegalArgumentException e) {
            return Html.note("The model.pattern of config.yaml cannot be drawn: " + e.getMessage() + ".");
        }
    }

    private static String drawn(DilationPattern pattern, long length, int heads, boolean causal) {
        StringBuilder html = new StringBuilder("<div class=\"panels\">\n");
        for (PatternPicture.Panel panel : PatternPicture.panels(pattern, length, heads, causal)) {
            html.append("<figure>" + element("figcaption", panel.title()) + panel.svg() + "</figure>\n");
        }
        double keys = pattern.visiblePairs(length, heads, causal) / heads / length;
        double dense = DilationPattern.dense(length).visiblePairs(length, heads, causal) / heads / length;
        return html.append("</div>\n")
                + Html.note(PatternPicture.caption(pattern, length, heads, causal)
                        + String.format(
                                Locale.ROOT,
                                " At %s tokens a query sees %s keys on average, %s in ordinary attention.",
                                Numbers.tokens(length),
                                Numbers.fixed(keys, 0),
                                Numbers.fixed(dense, 0)));
    }
}
