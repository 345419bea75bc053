package dev.longnet.app.report;

import static dev.longnet.app.report.Html.element;
import static dev.longnet.app.report.Html.escape;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The report of one run as a single HTML page without scripts or anything from outside. */
final class Page {
    private final RunContents contents;

    Page(RunContents contents) {
        this.contents = contents;
    }

    String html() {
        String name = contents.run().path("name").asText(contents.name());
        StringBuilder html = new StringBuilder("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                + "<meta name=\"color-scheme\" content=\"light dark\">\n"
                + element("title", name + " · LongNet run") + "\n<style>\n" + style()
                + "</style>\n</head>\n<body>\n<main>\n"
                + "<header><p class=\"kicker\">LongNet run</p>" + element("h1", name) + subtitle() + "</header>\n");
        contents.problems().forEach(problem -> html.append(Html.note(problem)));
        html.append(headlines());
        section(html, "What context is worth", ContextSection.html(contents.evaluation()));
        section(html, "Training", TrainingSection.html(contents.metrics()));
        section(html, "Sample", sample());
        section(html, "Dilation pattern", PatternSection.html(contents.config()));
        section(html, "The run", runTable() + configuration());
        return html.append("</main>\n</body>\n</html>\n").toString();
    }

    private static void section(StringBuilder html, String title, String body) {
        html.append("<section>\n" + element("h2", title) + "\n" + body + "</section>\n");
    }

    private String subtitle() {
        String pattern = contents.config().path("model").path("pattern").asText();
        return pattern.isEmpty() ? "" : "<p class=\"subtitle\">" + element("code", pattern) + "</p>";
    }

    private String headlines() {
        Curves metrics = contents.metrics();
        double heldOut = metrics.lastHeldOutLoss();
        StringBuilder html = new StringBuilder();
        if (Double.isNaN(heldOut)) {
            headline(html, "training loss", Numbers.fixed(metrics.lateLoss(), 3), "nats per token");
        } else {
            headline(html, "held-out loss", Numbers.fixed(heldOut, 3), "nats per token");
        }
        if (!contents.evaluation().models().isEmpty()
                && !contents.evaluation().models().get(0).byContext().isEmpty()) {
            Evaluation.AtContext best = contents.evaluation().models().get(0).asTrained();
            headline(
                    html,
                    "bits per byte",
                    Numbers.fixed(best.bitsPerByte(), 3),
                    "at " + Numbers.tokens(best.context()) + " tokens of context");
        }
        headline(html, "tokens per second", Numbers.compact(metrics.median("tokensPerSecond")), "in training, median");
        headline(html, "tokens trained on", Numbers.compact(metrics.last("tokens")), "in all steps");
        double parameters = contents.run().path("parameters").asDouble(Double.NaN);
        headline(html, "parameters", Numbers.compact(parameters), "weights of the model");
        return html.isEmpty() ? "" : "<dl class=\"headlines\">\n" + html + "</dl>\n";
    }

    /** A headline for what is known. */
    private static void headline(StringBuilder html, String name, String value, String unit) {
        if (value.equals(Numbers.UNKNOWN)) {
            return;
        }
        html.append("<div>" + element("dt", name) + element("dd", value) + "<dd class=\"unit\">" + escape(unit)
                + "</dd></div>\n");
    }

    private String sample() {
        JsonNode sample = contents.sample();
        if (sample.isMissingNode()) {
            return Html.note("There is no sample.json yet; the command generate shows what the model writes.");
        }
        JsonNode settings = sample.path("settings");
        String said = settings.isObject()
                ? String.join(
                        ", ",
                        table("", settings).entrySet().stream()
                                .map(entry -> entry.getKey() + " " + entry.getValue())
                                .toList())
                : settings.asText();
        return "<pre class=\"sample\"><code><span class=\"prompt\">"
                + escape(sample.path("prompt").asText())
                + "</span>" + escape(sample.path("completion").asText()) + "</code></pre>\n"
                + Html.note("The pale text is the prompt, the rest is the model's."
                        + (said.isEmpty() ? "" : " Sampled with " + said + "."));
    }

    private String runTable() {
        if (contents.run().isMissingNode()) {
            return Html.note("There is no run.json, so the versions and the machine are not known.");
        }
        StringBuilder html = new StringBuilder("<div class=\"scroll\"><table class=\"keys\">\n");
        table("", contents.run())
                .forEach((key, value) -> html.append(
                        "<tr><th scope=\"row\">" + escape(key) + "</th>" + element("td", value) + "</tr>\n"));
        return html.append("</table></div>\n").toString();
    }

    /** Whatever keys there are, those of nested objects joined by points. */
    private static Map<String, String> table(String prefix, JsonNode json) {
        Map<String, String> rows = new LinkedHashMap<>();
        json.properties().forEach(entry -> {
            String key = prefix + entry.getKey();
            JsonNode value = entry.getValue();
            if (value.isObject()) {
                rows.putAll(table(key + ".", value));
            } else {
                rows.put(key, value.isValueNode() ? value.asText() : value.toString());
            }
        });
        return rows;
    }

    private String configuration() {
        if (contents.configText().isBlank()) {
            return Html.note("There is no config.yaml.");
        }
        return "<details><summary>Configuration</summary><pre><code>" + escape(contents.configText())
                + "</code></pre></details>\n";
    }

    static String style() {
        try (InputStream css = Page.class.getResourceAsStream("report.css")) {
            return new String(css.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
