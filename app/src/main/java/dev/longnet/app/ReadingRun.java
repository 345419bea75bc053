package dev.longnet.app;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.app.bench.PeakMemory;
import dev.longnet.config.Sizes;
import dev.longnet.data.DataConfig;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.ranks.Interruption;
import dev.longnet.read.LossByPosition;
import dev.longnet.read.Reading;
import dev.longnet.read.StateFile;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.TrainedModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A text being read as people see it: progress, reports, a state that is saved as it goes and when interrupted. */
final class ReadingRun {
    private static final long MINUTE = Duration.ofMinutes(1).toNanos();
    private static final int PIECE_ON_GPU = 256 << 10, PIECE = 16 << 10;
    private final Path model, state;
    private final List<String> data;
    private final Long wanted, every;
    private final Integer piece;
    private final Output output;
    private volatile boolean stopped;

    /**
     * @param wanted tokens of the text to read in all, null for the text once
     * @param every tokens between reports, null for a minute
     * @param piece tokens read at once, null for what suits the device
     */
    ReadingRun(Path model, List<String> data, Path state, Long wanted, Long every, Integer piece, Output output) {
        this.model = model;
        this.data = data;
        this.state = state;
        this.wanted = wanted;
        this.every = every;
        this.piece = piece;
        this.output = output;
    }

    /**
     * A line of JSON.
     *
     * @param position tokens that the state has read
     * @param tokens those of them that are of this text
     * @param loss mean of what was read since the last report
     * @param tokensPerSecond since the last report
     * @param stateBytes what is kept
     * @param peakBytes most memory since the start, model included; null where it cannot be had
     */
    private record Report(
            long position, long tokens, double loss, double tokensPerSecond, long stateBytes, Long peakBytes) {}

    /** The last line of JSON. */
    private record Summary(
            long position,
            long tokens,
            double loss,
            double seconds,
            String state,
            List<LossByPosition.Range> byPosition) {}

    /** Reads; returns the exit code. */
    int run(String device, int threads) {
        try (Scope scope = new Scope()) {
            TrainedModel trained = TrainedModel.load(model, device, threads);
            DataConfig all = trained.config().data().withSources(data).withHeldOut(1);
            PeakMemory memory =
                    PeakMemory.whole(Tensors.deviceName(trained.model().device()));
            StateFile file = new StateFile(trained.model());
            try (TokenFile text = Tokens.open(all, Split.HELD_OUT, output);
                    LongNetDecoder.Session session = trained.model().newSession(trained.execution())) {
                Map<String, String> notes = Files.exists(state) ? file.load(state, session) : Map.of();
                boolean same = Integer.toHexString(text.checksum()).equals(notes.get("text"));
                long read = same ? Long.parseLong(notes.get("read")) : 0;
                LossByPosition losses = same ? LossByPosition.parse(notes.get("losses")) : new LossByPosition();
                long limit = wanted == null ? text.tokens() : wanted;
                output.note(
                        "%s tokens of text%s%s",
                        Human.count(text.tokens()),
                        limit > text.tokens()
                                ? String.format(Locale.ROOT, ", read %.1f times over", (double) limit / text.tokens())
                                : "",
                        session.position() == 0
                                ? ""
                                : "; " + state + " has read " + Human.count(session.position())
                                        + (same ? ", goes on there" : " of another text, goes on with this one"));
                requireArgument(
                        read < limit,
                        "%s has read %d tokens of this text already; give more by --tokens, or another --state",
                        state,
                        read);
                boolean gpu = trained.model().device().is_cuda();
                int atOnce = piece != null ? piece : gpu ? PIECE_ON_GPU : PIECE;
                Forecast.ofReading(trained, session.position() - read + limit, limit - read, atOnce, threads, output);
                memory.restart();
                int lossChunk =
                        trained.config().train().lossChunk(trained.model().device());
                try (Reading reading = new Reading(
                                trained.model(), trained.execution(), session, text, read, losses, atOnce, lossChunk);
                        Interruption interruption = new Interruption(this::stop)) {
                    read(reading, session, limit, memory, () -> save(file, session, text, reading));
                }
            }
            return 0;
        }
    }

    private void stop() {
        stopped = true;
        output.note("stopping after this piece and saving ...");
    }

    private void save(StateFile file, LongNetDecoder.Session session, TokenFile text, Reading reading) {
        file.save(
                state,
                session,
                Map.of(
                        "text", Integer.toHexString(text.checksum()),
                        "read", Long.toString(reading.read()),
                        "losses", reading.losses().toString()));
    }

    private void read(Reading reading, LongNetDecoder.Session session, long limit, PeakMemory memory, Runnable save) {
        long first = reading.read(), begin = System.nanoTime(), reported = first, reportedAt = begin;
        try (ProgressBar bar = output.progress("read", first, limit)) {
            while (reading.read() < limit && !stopped) {
                reading.next(limit);
                bar.update(reading.read(), reading.read() - first, reading.lossOfLastPiece());
                long now = System.nanoTime();
                boolean due = every == null ? now - reportedAt >= MINUTE : reading.read() - reported >= every;
                if (due || reading.read() >= limit || stopped) {
                    save.run();
                    double seconds = (System.nanoTime() - reportedAt) / 1e9;
                    output.json(new Report(
                            session.position(),
                            reading.read(),
                            reading.losses().latest(),
                            (reading.read() - reported) / seconds,
                            session.bytes(),
                            memory.peak()));
                    reported = reading.read();
                    reportedAt = System.nanoTime();
                }
            }
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        show(reading, session, limit, reading.read() - first, seconds, memory);
    }

    private void show(
            Reading reading,
            LongNetDecoder.Session session,
            long limit,
            long tokens,
            double seconds,
            PeakMemory memory) {
        LossByPosition losses = reading.losses();
        Table table = new Table("position", "tokens", "loss", "perplexity");
        for (LossByPosition.Range range : losses.ranges()) {
            table.row(
                    "from " + Sizes.format(range.from()),
                    Human.count(range.tokens()),
                    String.format(Locale.ROOT, "%.4f", range.loss()),
                    String.format(Locale.ROOT, "%.3f", Math.exp(range.loss())));
        }
        if (!output.json()) {
            output.say(table);
        }
        Long peak = memory.peak();
        output.say(
                "%s %s tokens in %s, %s tokens/s%s; %s holds %s",
                reading.read() < limit ? "stopped after" : "read",
                Human.count(tokens),
                Human.time(Duration.ofMillis((long) (1e3 * seconds))),
                Human.count(tokens / seconds),
                peak == null ? "" : ", at most " + Human.bytes(peak) + " of memory",
                state,
                session.rows().isEmpty()
                        ? "the position alone: segments of all branches ended just there, so later tokens see nothing before"
                        : "what was read, " + Human.bytes(session.bytes()));
        output.say(
                reading.read() < limit
                        ? "go on with the same command"
                        : "next: longnet generate --model %s --state %s --prompt …",
                model,
                state);
        output.json(new Summary(
                session.position(), reading.read(), losses.mean(), seconds, state.toString(), losses.ranges()));
    }
}
