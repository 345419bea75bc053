package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.javalin.http.Context;
import jakarta.servlet.ServletOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * An answer that takes time: one JSON object at its end, or a stream of events. Whoever waits long gets a sign of life now
 * and then, a blank or a comment, by which the server notices a client that has gone away.
 */
final class Reply {
    /** Written first by those who send JSON late: JSON may begin with blanks. */
    private static final byte[] BLANK = {' '};

    private static final byte[] COMMENT = ":\n\n".getBytes(StandardCharsets.UTF_8);

    /** How long nothing is written at most; ask for {@link #alive} as often. */
    static final long ALIVE_MILLIS = 1000;

    private static final long ALIVE_NANOS = ALIVE_MILLIS * 9 / 10 * 1_000_000;

    private final Context context;
    private final ObjectMapper json;
    private final boolean stream;
    private ServletOutputStream out;
    private long written = System.nanoTime();

    Reply(Context context, ObjectMapper json, boolean stream) {
        this.context = context;
        this.json = json;
        this.stream = stream;
    }

    /** Sends an event of a stream. */
    void event(Object event) {
        write("data: " + text(event) + "\n\n");
    }

    /** Shows that the work goes on, where the client has heard nothing for a second. */
    void alive() {
        if (System.nanoTime() - written >= ALIVE_NANOS) {
            write(stream ? COMMENT : BLANK);
        }
    }

    /** Ends with a result, which is a stream's last event. */
    void end(int status, Object result) {
        if (stream) {
            if (result != null) {
                event(result);
            }
            write("data: [DONE]\n\n");
        } else if (out == null) {
            context.status(status).contentType("application/json").result(text(result));
        } else {
            write(text(result));
        }
    }

    /** Ends with an error; its status is lost where the answer has begun. */
    void fail(Throwable cause) {
        Errors error = Errors.of(cause);
        if (out == null) {
            context.status(error.status()).contentType("application/json").result(text(error.body()));
        } else if (stream) {
            event(error.body());
        } else {
            write(text(error.body()));
        }
    }

    private String text(Object value) {
        try {
            return json.writeValueAsString(value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void write(String text) {
        write(text.getBytes(StandardCharsets.UTF_8));
    }

    /** @throws GoneException if there is nobody to write to */
    private void write(byte[] bytes) {
        try {
            if (out == null) {
                context.res().setStatus(200);
                context.res().setContentType(stream ? "text/event-stream" : "application/json");
                context.res().setHeader("Cache-Control", "no-cache");
                context.res().setHeader("X-Accel-Buffering", "no"); // else proxies hold a stream back
                out = context.res().getOutputStream();
            }
            written = System.nanoTime();
            out.write(bytes);
            out.flush();
        } catch (IOException e) {
            throw new GoneException(e);
        }
    }

    /** The client has gone away. */
    static final class GoneException extends RuntimeException {
        private static final long serialVersionUID = 1;

        GoneException(Throwable cause) {
            super(cause);
        }
    }
}
