package dev.longnet.app.serve;

import dev.longnet.data.TokenFile;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.read.LossByPosition;
import dev.longnet.read.Reading;
import dev.longnet.train.TrainedModel;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Reads a text into a state. */
final class ReadingJob implements Job {
    private final TrainedModel trained;
    private final TokenFile text;
    private final States states;
    private final String name;
    private final States.Loaded base;
    private final int piece;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final LossByPosition losses = new LossByPosition();
    private volatile boolean cancelled;
    private volatile boolean closed;
    private LongNetDecoder.Session session;
    private Reading reading;
    private long begin;

    /**
     * @param text the caller closes it, once this has {@link #awaitClosed closed}
     * @param name that the caller has reserved
     * @param base what was read before, or null; released at the end
     * @param piece tokens of a slice
     */
    ReadingJob(TrainedModel trained, TokenFile text, States states, String name, States.Loaded base, int piece) {
        this.trained = trained;
        this.text = text;
        this.states = states;
        this.name = name;
        this.base = base;
        this.piece = piece;
    }

    /** The newest thing to tell the client, or null if there is none within a time. */
    Event next(long millis) throws InterruptedException {
        Event event = events.poll(millis, TimeUnit.MILLISECONDS);
        while (event instanceof Event.Progress && !events.isEmpty()) {
            event = events.poll();
        }
        return event;
    }

    void cancel() {
        cancelled = true;
    }

    @Override
    public boolean abandoned() {
        return cancelled;
    }

    @Override
    public boolean advance() {
        if (reading == null) {
            begin = System.nanoTime();
            session = States.session(trained, base);
            int lossChunk = trained.config().train().lossChunk(trained.model().device());
            reading = new Reading(trained.model(), trained.execution(), session, text, 0, losses, piece, lossChunk);
        }
        reading.next(text.tokens());
        if (reading.read() < text.tokens()) {
            events.add(new Event.Progress(
                    reading.read(),
                    text.tokens(),
                    reading.read() / ((System.nanoTime() - begin) / 1e9),
                    reading.lossOfLastPiece(),
                    losses.ranges()));
            return true;
        }
        Map<String, String> notes = Map.of(
                "text", Integer.toHexString(text.checksum()),
                "read", Long.toString(reading.read()),
                "losses", reading.losses().toString());
        events.add(new Event.Done(states.save(name, session, notes)));
        return false;
    }

    @Override
    public void failed(Throwable cause) {
        events.add(new Event.Failed(cause));
    }

    @Override
    public void close() {
        if (reading != null) {
            reading.close();
            session.close();
        }
        if (base != null) {
            base.release();
        }
        synchronized (this) {
            closed = true;
            notifyAll();
        }
    }

    /** Waits until the model's thread has left it. */
    synchronized void awaitClosed() {
        boolean interrupted = false;
        while (!closed) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
