package dev.longnet.app;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.longnet.config.Sizes;
import dev.longnet.plan.Prediction;
import java.util.List;
import java.util.Locale;

/** A line of a plan. */
record PlanRow(@JsonUnwrapped Prediction plan, Dense dense) {
    /** The same where every token sees all before it. */
    record Dense(double seconds, double memoryBytes, boolean fits) {}

    /**
     * Training steps or forward passes.
     *
     * @param step what the column of times is called
     */
    static Table ofSteps(List<PlanRow> rows, String step) {
        Table table = new Table(
                "tokens",
                "devices",
                "tokens a device",
                step,
                "tokens/s",
                "waiting for links",
                "activations",
                "memory",
                "host memory",
                "fits",
                "dense: time",
                "dense: memory");
        for (PlanRow row : rows) {
            Prediction p = row.plan;
            table.row(
                    Sizes.format(p.length()),
                    p.ranks(),
                    Sizes.format(p.tokensPerRank()),
                    Human.span(p.seconds()),
                    Human.count(p.tokensPerSecond()),
                    String.format(Locale.ROOT, "%.2f %%", 100 * p.waiting()),
                    p.activations() == null ? "-" : p.activations().name().toLowerCase(Locale.ROOT),
                    Human.bytes(p.memoryBytes()),
                    p.hostBytes() == 0 ? "-" : Human.bytes(p.hostBytes()),
                    p.fits() ? "yes" : "no",
                    Human.span(row.dense.seconds()),
                    Human.bytes(row.dense.memoryBytes()));
        }
        return table;
    }

    /** Texts that are read. */
    static Table ofReading(List<PlanRow> rows) {
        Table table = new Table(
                "tokens",
                "piece",
                "time",
                "tokens/s",
                "kept",
                "memory",
                "fits",
                "dense: time",
                "dense: memory",
                "fits");
        for (PlanRow row : rows) {
            Prediction p = row.plan;
            table.row(
                    Sizes.format(p.length()),
                    Sizes.format(p.tokensPerRank()),
                    Human.span(p.seconds()),
                    Human.count(p.tokensPerSecond()),
                    Human.bytes(p.stateBytes()),
                    Human.bytes(p.memoryBytes()),
                    p.fits() ? "yes" : "no",
                    Human.span(row.dense.seconds()),
                    Human.bytes(row.dense.memoryBytes()),
                    row.dense.fits() ? "yes" : "no");
        }
        return table;
    }
}
