package dev.longnet.plan;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.List;

/** What is planned: a model on a machine. */
@Doc("What is planned: a model on a machine")
public record PlanConfig(
        @Doc("The model: its size, what its attention sees, and how its blocks are built")
        LongNetConfig model,

        @Doc("The machines: what a device of them reaches, and the links between devices")
        Machine machine) {

    /** Length in tokens that is planned where none is given. */
    public static final long LENGTH = 1L << 30;

    /** Heads that the measured kernels take. */
    private static final int MOST_HEADS = 128;

    /** What texts of any length are read with: 2048 rows a head and branch, branches going on as far as there is text. */
    public static final DilationPattern READING = DilationPattern.parse("2k:1,16k:8...");

    private static final int FIRST = 2048;
    private static final int GROWTH = 8;

    public PlanConfig {
        requireArgument(model != null && machine != null, "a plan needs the two groups model and machine");
        requireArgument(
                model.vocabulary() > 0,
                "model.vocabulary must be positive to plan, got %d; set the size of the tokenizer's",
                model.vocabulary());
        requireArgument(
                machine.cpu() || model.heads() <= MOST_HEADS,
                "model.heads must be at most %d to plan, which is what the measured kernels take, got %d",
                MOST_HEADS,
                model.heads());
        requireArgument(
                machine.cpu() || model.headDim() <= Machine.WIDEST_HEAD,
                "model.heads: rates are known for heads of up to %d features, and embedding %d / heads %d has %d; use more heads",
                Machine.WIDEST_HEAD,
                model.embedding(),
                model.heads(),
                model.headDim());
    }

    /** {@link #defaults(Machine, long)} of an H200 and 1 G tokens. */
    public static PlanConfig defaults() {
        return defaults(Machine.defaults(), LENGTH);
    }

    /** The paper's smallest model, 12 × 768, whose pattern is the {@link #series} up to this length. */
    public static PlanConfig defaults(Machine machine, long length) {
        return new PlanConfig(Presets.of("124m", series(length)), machine);
    }

    /**
     * The paper's geometric series up to N: branches (2048·8ⁱ, 8ⁱ) below half of N and a last one over all of N that keeps
     * 2048 rows too.
     *
     * @param length N in tokens
     */
    public static DilationPattern series(long length) {
        requireArgument(
                length > 0 && length <= Shards.LONGEST,
                "a plan's length must lie between 1 and %d (1024g), got %d",
                Shards.LONGEST,
                length);
        List<Branch> branches = new ArrayList<>();
        long segment = FIRST;
        for (int ratio = 1; 2 * segment < length || ratio == 1; ratio *= GROWTH, segment *= GROWTH) {
            branches.add(new Branch(segment, ratio));
        }
        if (length > FIRST) {
            branches.add(new Branch(length, (int) ((length + FIRST - 1) / FIRST)));
        }
        return new DilationPattern(branches);
    }
}
