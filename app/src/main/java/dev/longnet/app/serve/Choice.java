package dev.longnet.app.serve;

import dev.longnet.data.TextStream;
import dev.longnet.data.Tokenizer;
import dev.longnet.generate.Course;
import dev.longnet.generate.Logits;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** One text of an answer as it comes into being: from tokens to pieces of text, cut at stops. */
final class Choice implements Course.Sink, Text.Owner {
    private final int index;
    private final Tokenizer tokenizer;
    private final Integer logprobs;
    private final Consumer<Event> events;
    private final BooleanSupplier abandoned;
    private final TextStream stream;
    private final StopText stop;
    private final Deque<Event.Token> tokens = new ArrayDeque<>();
    private String cut = ""; // what stands before the stop that has come
    private int decoded;
    private int sent;

    Choice(
            int index,
            CompletionRequest request,
            Tokenizer tokenizer,
            Consumer<Event> events,
            BooleanSupplier abandoned) {
        this.index = index;
        this.tokenizer = tokenizer;
        this.events = events;
        this.abandoned = abandoned;
        logprobs = request.logprobs();
        stream = new TextStream(tokenizer);
        stop = new StopText(request.stops());
    }

    /**
     * Gives out a token of the prompt, in which nothing stops.
     *
     * @param logits it might have been foretold from, or null
     */
    void echo(int token, float[] logits) {
        send(decode(token, logits), null, 0);
    }

    @Override
    public boolean accept(int token, float[] logits) {
        String text = stop.accept(decode(token, logits));
        if (!text.isEmpty() && !stop.stopped()) {
            send(text, null, 0);
        } else if (stop.stopped()) {
            cut = text;
        }
        return !stop.stopped();
    }

    @Override
    public boolean abandoned() {
        return abandoned.getAsBoolean();
    }

    @Override
    public void ended(Text text) {
        String rest = stop.stopped() ? cut : stop.accept(stream.finish()) + stop.finish();
        send(rest, text.course().end(), text.course().made());
    }

    @Override
    public void failed(Throwable cause) {
        events.accept(new Event.Failed(cause));
    }

    private String decode(int token, float[] logits) {
        String piece = stream.accept(token);
        if (logprobs != null) {
            tokens.add(probability(token, logits));
        }
        decoded += piece.length();
        return piece;
    }

    /** Sends text with the tokens that begin in it; the last of a text that was not cut takes all that are left. */
    private void send(String text, Course.End end, int made) {
        sent += text.length();
        List<Event.Token> with = new ArrayList<>();
        boolean all = end != null && !stop.stopped();
        while (!tokens.isEmpty() && (all || tokens.peek().offset() < sent)) {
            with.add(tokens.poll());
        }
        events.accept(new Event.Piece(index, text, with, end, made));
    }

    private Event.Token probability(int token, float[] logits) {
        if (logits == null) {
            return new Event.Token(name(token), decoded, null, Map.of());
        }
        double normalizer = Logits.normalizer(logits);
        Map<String, Double> likely = new LinkedHashMap<>();
        for (int each : Logits.mostLikely(logits, logprobs)) {
            likely.putIfAbsent(name(each), logits[each] - normalizer);
        }
        return new Event.Token(name(token), decoded, logits[token] - normalizer, likely);
    }

    private String name(int token) {
        return name(tokenizer, token);
    }

    /** A token's text, or its bytes as {@code bytes:\xe2\x82} where they are no characters. */
    static String name(Tokenizer tokenizer, int token) {
        byte[] bytes = tokenizer.decode(new int[] {token});
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            StringBuilder text = new StringBuilder("bytes:");
            for (byte b : bytes) {
                text.append(String.format(Locale.ROOT, "\\x%02x", b & 0xff));
            }
            return text.toString();
        }
    }
}
