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

    private static final String LAUNCHES =
            "Not in it: time in which a GPU waits for Java and for launches, as it does with small models or few tokens.";

    /** What is predicted. */
    public enum Direction {
        TRAIN,
        FORWARD,
        READ
    }

    /** One sentence for each. */
    public static List<String> of(PlanConfig config, Direction direction) {
        if (config.machine().cpu()) {
            return onCpu(config, direction);
        }
        return direction == Direction.READ ? ofReading(config) : ofSteps(config, direction == Direction.FORWARD);
    }

    private static List<String> ofReading(PlanConfig config) {
        Machine m = config.machine();
        List<String> all = new ArrayList<>();
        all.add(
                "One GPU reads the text in pieces, in bfloat16, and computes the loss of every token; what later tokens see is"
                        + " kept: of each layer, branch and head at most the rows of a segment.");
        all.addAll(rates(config));
        all.add(text(
                "Attention to what was kept of earlier pieces runs at the same rate and takes %s µs more for a piece, layer"
                        + " and branch, which fits pieces of 64k to 4m tokens measured on one H200.",
                m.joining()));
        all.addAll(positions(config.model()));
        all.add(LAUNCHES);
        all.add("Kept rows are counted exactly, with room that doubles as the text grows.");
        all.add(fits(m));
        all.add("Loading the model, reading and cutting the text into tokens, and saving what is kept are not in it.");
        return all;
    }

    private static List<String> onCpu(PlanConfig config, Direction direction) {
        Machine m = config.machine();
        List<String> all = new ArrayList<>();
        all.add(
                direction == Direction.READ
                        ? "The text is read in pieces, and the loss of every token computed; what later tokens see is kept: of each"
                                + " layer, branch and head at most the rows of a segment."
                        : "A step is one sequence on one machine, in float32 but for products where bfloat16 is asked for.");
        all.add(String.format(
                Locale.ROOT,
                "Rates: matrix products %.3f TFLOP/s, passes over rows %.1f GB/s, attention forward %.3f and backward %.3f"
                        + " TFLOP/s with these heads; measured in a second or two unless set, so as fast as the machine was"
                        + " then.",
                m.products(),
                m.bandwidth(),
                m.attention(config.model().headDim(), false) / 1e12,
                m.attention(config.model().headDim(), true) / 1e12));
        all.add(
                "Memory is what the process takes beyond itself, about 0.4 GiB; what the allocator holds beside tensors is a fit"
                        + " of measured steps.");
        all.add(fits(m));
        all.add("Reading data, evaluating and saving are not in it.");
        return all;
    }

    /** What positions beside none were not measured with. */
    private static List<String> positions(LongNetConfig model) {
        return switch (model.positions()) {
            case NONE -> List.of();
            case ROTARY -> List.of("Not measured: rotary positions, whose passes over rows and tables are counted.");
            case XPOS ->
                List.of(
                        "Not measured: xpos, whose passes over rows and tables are counted; with segments longer than about"
                                + " 64k tokens it cannot use the measured kernels and takes longer.");
        };
    }

    /** What a GPU is taken to reach. */
    private static List<String> rates(PlanConfig config) {
        Machine m = config.machine(), measured = Machine.defaults();
        return List.of(
                text(
                        "Rates of a GPU: matrix products %s TFLOP/s, passes over rows %s GB/s. %s and %s fit whole training"
                                + " steps of 12 × 768 measured on one H200; other widths and GPUs are taken to reach what"
                                + " stands here.",
                        m.products(), m.bandwidth(), measured.products(), measured.bandwidth()),
                text(
                        "Attention: forward %s and backward %s TFLOP/s with heads of 64, %s and %s with heads of 128 (%s, %s,"
                                + " %s and %s measured on one H200), of the pairs that the kernels compute; other heads cost"
                                + " what the next wider of these do.",
                        m.forward64(),
                        m.backward64(),
                        m.forward128(),
                        m.backward128(),
                        measured.forward64(),
                        measured.backward64(),
                        measured.forward128(),
                        measured.backward128()));
    }

    private static String fits(Machine m) {
        return text(
                "It fits if tensors leave %s of a device's %s GiB to driver, libraries and fragments.",
                m.reserved(), m.memory());
    }

    private static List<String> ofSteps(PlanConfig config, boolean forwardOnly) {
        Machine m = config.machine();
        LongNetConfig model = config.model();
        List<String> all = new ArrayList<>();
        String step = forwardOnly ? "A pass" : "A step";
        all.add(text(
                "%s is one sequence, whose tokens all ranks share; each holds all weights. Activations are bfloat16.",
                step));
        all.addAll(rates(config));
        all.addAll(positions(config.model()));
        all.add(
                forwardOnly
                        ? LAUNCHES
                        : text(
                                "Java launches a layer's work of a step in %s ms, a third more where activations are computed"
                                        + " again, and a GPU that is done sooner waits; 3.8 fits steps of 4 and 12 layers of few tokens"
                                        + " measured on one H200 within 18 %%.",
                                m.launching()));
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
                "It fits if tensors leave %s of a device's %s GiB to driver, libraries and fragments%s.",
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
