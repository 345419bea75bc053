package dev.longnet.app.report;

import java.util.Locale;

/** The curves of training: loss, speed, learning rate and gradient norm over the steps. */
final class TrainingSection {
    private TrainingSection() {}

    static String html(Curves metrics) {
        if (metrics.isEmpty()) {
            return Html.note("There is no metrics.jsonl yet; training writes it from its first step on.");
        }
        return loss(metrics)
                + "<div class=\"row\">\n"
                + curve(metrics, "Tokens per second", "tokensPerSecond", "How fast training went.")
                + curve(metrics, "Learning rate", "learningRate", "The optimizer's step size.")
                + curve(metrics, "Gradient norm", "gradientNorm", "Before clipping; spikes are hard batches.")
                + "</div>\n";
    }

    private static String loss(Curves metrics) {
        Series each = metrics.series("training loss", "loss");
        Chart chart = new Chart("Loss", "Nats per token over the optimizer steps; lower is better.")
                .x("step", Axis.Kind.STEPS);
        if (each.x().length > 40) {
            chart.add(each.inBackground()).add(each.smoothed());
        } else if (each.x().length > 0) {
            chart.add(each);
        }
        Series heldOut = metrics.heldOutLoss();
        if (heldOut.x().length > 0) {
            chart.add(new Series(heldOut.name(), 1, heldOut.x(), heldOut.y()));
        }
        return chart.html();
    }

    private static String curve(Curves metrics, String title, String key, String description) {
        if (Double.isNaN(metrics.last(key))) {
            return "";
        }
        Series line = metrics.series(title.toLowerCase(Locale.ROOT), key);
        Chart chart = new Chart(title, description).x("step", Axis.Kind.STEPS).y(Axis.Kind.FROM_ZERO);
        return chart.add(line).html();
    }
}
