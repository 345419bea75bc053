package dev.longnet.recall;

import dev.longnet.LongNetException;
import dev.longnet.config.Configs;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Ops;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Readout;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.AdamW;
import dev.longnet.train.Loss;
import dev.longnet.train.TrainConfig;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Trains a model to answer: the loss is that of the answers alone. Each step of a later stage comes with one on texts of an
 * earlier length, so that what was learned there stays.
 */
public final class RecallTrainer {
    private static final int RECENT = 20;
    private static final int ROWS_AT_ONCE = 16_384;

    private final RecallConfig config;
    private final LongNetDecoder model;
    private final Execution execution;
    private final Listener listener;
    private volatile boolean stopRequested;
    private BooleanSupplier late;

    /**
     * What a step brought.
     *
     * @param right share of right answers over the last steps
     * @param far the same of questions about facts at least a quarter of the text away
     */
    public record Report(
            String attention, int stage, int length, int step, double loss, double right, double far, double seconds) {}

    /** Hears how training goes. */
    public interface Listener {
        void step(Report report);

        /** The model has done this many stages. */
        void stageDone(int stages);
    }

    /**
     * @param model on its device
     * @param execution kernel and numbers
     */
    RecallTrainer(RecallConfig config, LongNetDecoder model, Execution execution, Listener listener) {
        this.config = config;
        this.model = model;
        this.listener = listener;
        this.execution = execution.withActivations(
                Execution.Activations.of(config.train().recompute(), false));
    }

    /** Asks {@link #run} to return after the step it is at. Any thread may call it. */
    public void stop() {
        stopRequested = true;
    }

    /**
     * Goes through the stages.
     *
     * @param firstStage number of stages that the model has done before
     * @param seconds after which to stop as {@link #stop} does
     * @return whether all are done
     */
    public boolean run(int firstStage, double seconds) {
        long begin = System.nanoTime();
        late = () -> System.nanoTime() - begin > seconds * 1e9;
        TrainConfig adam = Configs.with(
                TrainConfig.defaults(),
                "clip=" + config.train().clip(),
                "weightDecay=" + config.train().weightDecay());
        try (Scope scope = new Scope();
                AdamW optimizer = new AdamW(Parameters.of(model), adam)) {
            List<Lessons.Stage> stages = config.train().inOrder();
            int stepsBefore = 0;
            for (int i = firstStage; i < stages.size(); i++) {
                int done = stage(i, stages, stepsBefore, optimizer);
                if (done < 0) {
                    return false;
                }
                stepsBefore += done;
                listener.stageDone(i + 1);
            }
            return true;
        }
    }

    /** Trains on texts of one length; returns the steps it took, or −1 where it was stopped. */
    private int stage(int number, List<Lessons.Stage> stages, int stepsBefore, AdamW optimizer) {
        Lessons train = config.train();
        Lessons.Stage stage = stages.get(number);
        boolean last = number == stages.size() - 1;
        Random random = new Random(train.seed() * 1_000_003 + number);
        String attention = execution.kernel().name().equals("window") ? "window" : "dilated";
        Deque<double[]> recent = new ArrayDeque<>();
        long begin = System.nanoTime();
        Readout before = null;
        for (int step = 1; step <= stage.steps(); step++) {
            if (stopRequested || late.getAsBoolean()) {
                close(before);
                return -1;
            }
            double rate = train.learningRate() * Math.min(1, (stepsBefore + step) / Math.max(1.0, train.warmup()));
            if (last) {
                double left = (1 + Math.cos(Math.PI * step / stage.steps())) / 2;
                rate *= 0.05 + 0.95 * left;
            }
            if (number > 0) {
                close(step(stages.get(step % number).length(), random, rate, optimizer));
            }
            Readout now = step(stage.length(), random, rate, optimizer);
            if (before != null) {
                report(attention, number, stage.length(), step - 1, begin, before, recent);
            }
            before = now;
            if (!last && recent.size() == RECENT && share(recent, 1) >= train.enough()) {
                close(before);
                return step;
            }
        }
        report(attention, number, stage.length(), stage.steps(), begin, before, recent);
        return stage.steps();
    }

    private static void close(Readout readout) {
        if (readout != null) {
            readout.close();
        }
    }

    /** A GPU is one step ahead of what is reported. */
    private void report(
            String attention, int number, int length, int step, long begin, Readout readout, Deque<double[]> recent) {
        double[] numbers = readout.values();
        readout.close();
        if (!Double.isFinite(numbers[0])) {
            throw new LongNetException(
                    "the loss is not finite at step %d of stage %d; use a lower train.learningRate", step, number + 1);
        }
        recent.addLast(numbers);
        if (recent.size() > RECENT) {
            recent.removeFirst();
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        listener.step(new Report(
                attention, number + 1, length, step, numbers[0], share(recent, 1), share(recent, 3), seconds));
    }

    /** Of numbers that steps counted the sum of one over that of the next. */
    private static double share(Deque<double[]> steps, int index) {
        return steps.stream().mapToDouble(numbers -> numbers[index]).sum()
                / steps.stream().mapToDouble(numbers -> numbers[index + 1]).sum();
    }

    /** One optimizer step: its loss, right answers at questions' ends and questions, right ones about far facts and those. */
    private Readout step(int length, Random random, double rate, AdamW optimizer) {
        int batch = config.train().batch(length);
        List<RecallTask.Text> texts = new ArrayList<>();
        for (int i = 0; i < batch; i++) {
            texts.add(config.task().lesson(length, config.train().questions(), random));
        }
        Answers answers = Answers.of(config.task(), texts);
        Device device = model.device();
        try (Scope scope = new Scope()) {
            Tensor tokens = Tensors.of(answers.tokens(), device, batch, length);
            Tensor rows = Tensors.of(answers.rows(), device), targets = Tensors.of(answers.targets(), device);
            Tensor features = model.features(tokens, execution).flatten(0, 1).index_select(0, rows);
            Tensor right = right(features, targets);
            Tensor far = Tensors.of(answers.far(), device);
            Tensor loss = Loss.backward(model, features.unsqueeze(0), targets.unsqueeze(0), 1, ROWS_AT_ONCE, execution);
            optimizer.clip();
            optimizer.step(rate);
            Tensor asked = Tensors.full(answers.far().length, Tensors.like(right), new long[0]);
            return Readout.of(
                    loss.to(ScalarType.Double),
                    right.sum(),
                    asked,
                    right.mul(far).sum(),
                    far.sum());
        }
    }

    /** 1 for each question whose last token has the right answer, else 0, in float64. */
    private Tensor right(Tensor features, Tensor targets) {
        int question = config.task().question();
        try (var off = Gradient.off();
                Scope scope = new Scope()) {
            long asked = targets.size(0) / question;
            Tensor last = features.detach().view(asked, question, -1).select(1, question - 1);
            Tensor wanted = targets.view(asked, question).select(1, question - 1);
            Tensor given = Ops.largest(model.logits(last, execution));
            return scope.keep(given.eq(wanted).to(ScalarType.Double));
        }
    }
}
