package dev.longnet.plan;

import dev.longnet.model.LongNetConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a prediction rests on, in sentences with the values in them. */
public final class Assumptions {
    /** Branches that one launch of the measured kernels takes. */
    private static final int MOST_BRANCHES = 8;

    private Assumptions() {}

    /**
     * One sentence for each.
     *
     * @param forwardOnly whether the forward pass alone is predicted
     */
    public static List<String> of(PlanConfig config, boolean forwardOnly) {
        Machine m = config.machine(), measured = Machine.defaults();
        LongNetConfig model = config.model();
        List<String> all = new ArrayList<>();
        String step = forwardOnly ? "A pass" : "A step";
        all.add(text(
                "%s is one sequence, whose tokens all ranks share; each holds all weights. Activations are bfloat16.",
                step));
        all.add(text(
                "Rates of a GPU: matrix products %s TFLOP/s, passes over rows %s GB/s. %s and %s fit whole training steps"
                        + " of 12 × 768 measured on one H200; other widths and GPUs are taken to reach what stands here.",
                m.products(), m.bandwidth(), measured.products(), measured.bandwidth()));
        all.add(text(
                "Attention: forward %s and backward %s TFLOP/s with heads of 64, %s and %s with heads of 128 (%s, %s, %s"
                        + " and %s measured on one H200), of the pairs that the kernels compute; other heads cost what the"
                        + " next wider of these do.",
                m.forward64(),
                m.backward64(),
                m.forward128(),
                m.backward128(),
                measured.forward64(),
                measured.backward64(),
                measured.forward128(),
                measured.backward128()));
        all.add("Not measured: attention to other ranks' keys, which is taken to run at the same rate.");
        if (model.pattern().branches().size() > MOST_BRANCHES) {
            all.add(text(
                    "Not measured: patterns of more than %d branches, which is what one launch of the kernels takes; this"
                            + " one has %d.",
                    MOST_BRANCHES, model.pattern().branches().size()));
        }
        all.add(text(
                "A rank receives the kept keys and values that its queries see and other ranks hold, %s, in bfloat16; local"
                        + " attention of the layer runs meanwhile, and what it does not hide is waited for.",
                model.causal() ? "those of earlier ranks" : "those of both sides"));
        if (!forwardOnly) {
            all.add(
                    "Backward they come once more and their gradients go back in float32, both beside local attention.");
        }
        all.add(text(
                "Links: %s GB/s from the %d GPUs of a machine (246–266 measured between two H200 by NVLink); %s GB/s from"
                        + " other machines, an assumption: 400 Gb/s InfiniBand a GPU at 80 %%; %s µs for every doubling of"
                        + " the ranks in an exchange, which fits what two GPUs were measured at and is an assumption beyond.",
                m.nodeLink(), m.gpus(), m.networkLink(), m.latency()));
        all.add("The slowest rank decides: causally one whose tokens end a long segment. No failures, no stragglers.");
        if (!forwardOnly) {
            all.add("Gradients are summed and weights shared among all ranks in float32 once a step, after the backward"
                    + " pass and hidden by nothing; each rank keeps its share of the optimizer's state (ZeRO-1).");
            all.add(text(
                    "Activations are kept, recomputed or offloaded to the host, the first that fits unless one is asked for;"
                            + " the host's link is an assumption: %s GB/s a GPU; its memory for them too: %s GiB a machine.",
                    m.hostLink(), m.hostMemory()));
        }
        all.add(text(
                "It fits if tensors leave %s of a GPU's %s GiB to driver, libraries and fragments%s.",
                m.reserved(),
                m.memory(),
                forwardOnly ? "; memory of the forward pass alone is counted, not measured" : ""));
        all.add("Reading data, evaluating and saving are not in it.");
        return all;
    }

    /** Numbers without decimals that say nothing. */
    private static String text(String sentence, Object... values) {
        for (int i = 0; i < values.length; i++) {
            if (values[i] instanceof Double number && number == Math.rint(number) && Math.abs(number) < 1e15) {
                values[i] = number.longValue();
            }
        }
        return String.format(Locale.ROOT, sentence, values);
    }
}
