package dev.longnet.app.report;

import static dev.longnet.app.report.Html.element;
import static dev.longnet.app.report.Html.escape;

import dev.longnet.app.report.Evaluation.AtContext;
import dev.longnet.app.report.Evaluation.Model;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/** What context is worth: perplexity by context as chart and table, and loss by position. */
final class ContextSection {
    /** Perplexities farther apart than this would flatten the better model's curve on a linear axis. */
    private static final double WIDE = 6;

    private ContextSection() {}

    static String html(Evaluation evaluation) {
        List<Model> models = evaluation.models();
        if (models.isEmpty()) {
            return Html.note("There is no eval.json yet; the command eval writes it with --save.");
        }
        StringBuilder html = new StringBuilder();
        if (models.stream().anyMatch(model -> !model.byContext().isEmpty())) {
            html.append(perplexityChart(models)).append(perplexityTable(evaluation));
        }
        if (models.stream().anyMatch(model -> !model.byPosition().isEmpty())) {
            html.append(positionChart(models));
        }
        return html.toString();
    }

    private static String perplexityChart(List<Model> models) {
        Chart chart = new Chart(
                        "Perplexity by context",
                        "On held-out text, for the tokens a model may look back on; lower is better.")
                .x("context in tokens", Axis.Kind.TOKENS)
                .y(spread(models) > WIDE ? Axis.Kind.LOGARITHMIC : Axis.Kind.LINEAR);
        for (int i = 0; i < models.size(); i++) {
            Model model = models.get(i);
            chart.add(new Series(
                    model.name(), i, model.contexts(AtContext::context), model.contexts(AtContext::perplexity)));
            if (model.trainedLength() > 0) {
                chart.mark(model.trainedLength(), "trained " + Numbers.tokens(model.trainedLength()));
            }
        }
        return chart.html();
    }

    private static double spread(List<Model> models) {
        var perplexities = models.stream()
                .flatMap(model -> model.byContext().stream())
                .mapToDouble(AtContext::perplexity)
                .filter(Double::isFinite)
                .summaryStatistics();
        return perplexities.getMax() / perplexities.getMin();
    }

    private static String perplexityTable(Evaluation evaluation) {
        List<Model> models = evaluation.models();
        TreeSet<Long> contexts = new TreeSet<>();
        models.forEach(model -> model.byContext().forEach(result -> contexts.add(result.context())));
        StringBuilder html = new StringBuilder("<div class=\"scroll\"><table class=\"numbers\">\n<thead><tr>"
                + "<th rowspan=\"2\" scope=\"col\">context</th>");
        models.forEach(model -> html.append("<th colspan=\"2\" scope=\"colgroup\">" + escape(model.name()) + "</th>"));
        html.append("</tr><tr>");
        models.forEach(model -> html.append("<th scope=\"col\">perplexity</th><th scope=\"col\">bits per byte</th>"));
        html.append("</tr></thead>\n<tbody>\n");
        for (long context : contexts) {
            html.append("<tr><th scope=\"row\">" + Numbers.tokens(context) + "</th>");
            double best = models.stream()
                    .mapToDouble(model ->
                            at(model, context).map(AtContext::perplexity).orElse(Double.NaN))
                    .filter(Double::isFinite)
                    .min()
                    .orElse(Double.NaN);
            for (Model model : models) {
                html.append(cells(model, context, models.size() > 1 ? best : Double.NaN));
            }
            html.append("</tr>\n");
        }
        return html.append("</tbody></table></div>\n").toString()
                + Html.note((evaluation.data().isEmpty() ? "" : "Measured on " + evaluation.data() + ". ")
                        + (models.size() > 1 ? "Bold is the best of a row. " : "")
                        + "Pale numbers are beyond the length a model was trained with.");
    }

    private static String cells(Model model, long context, double best) {
        Optional<AtContext> result = at(model, context);
        double perplexity = result.map(AtContext::perplexity).orElse(Double.NaN);
        double bits = result.map(AtContext::bitsPerByte).orElse(Double.NaN);
        String number = Numbers.fixed(perplexity, perplexity < 100 ? 2 : 0);
        String style = model.trainedLength() > 0 && context > model.trainedLength() ? " class=\"beyond\"" : "";
        return "<td" + style + ">" + (perplexity == best ? element("strong", number) : number) + "</td><td" + style
                + ">" + Numbers.fixed(bits, 3) + "</td>";
    }

    private static Optional<AtContext> at(Model model, long context) {
        return model.byContext().stream()
                .filter(result -> result.context() == context)
                .findFirst();
    }

    private static String positionChart(List<Model> models) {
        Chart chart = new Chart(
                        "Loss by position",
                        "Mean nats per token between one point and the one before, by the text that precedes.")
                .x("position in tokens", Axis.Kind.TOKENS);
        for (int i = 0; i < models.size(); i++) {
            Model model = models.get(i);
            chart.add(new Series(
                    model.name(),
                    i,
                    model.positions(Evaluation.AtPosition::to),
                    model.positions(Evaluation.AtPosition::loss)));
        }
        return chart.html();
    }
}
