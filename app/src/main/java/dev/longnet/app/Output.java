package dev.longnet.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.EnumFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.Locale;

/**
 * Where a command writes. With {@code --json} standard output carries one JSON object a line and nothing else, and text
 * for people goes to standard error; progress always goes to standard error. Enums are written in lower case.
 */
public final class Output {
    private static final String CLEAR_LINE = "\r\u001b[K";

    /** Says nothing to anybody. */
    static final Output NONE = new Output(
            new PrintWriter(Writer.nullWriter()), new PrintWriter(Writer.nullWriter()), false, Terminal.SILENT);

    private final PrintWriter out;
    private final PrintWriter err;
    private final boolean json;
    private final Terminal terminal;
    private boolean barShown;

    Output(PrintWriter out, PrintWriter err, boolean json, Terminal terminal) {
        this.out = out;
        this.err = err;
        this.json = json;
        this.terminal = terminal;
    }

    /** Whether the caller asked for JSON. */
    public boolean json() {
        return json;
    }

    /** Writes a line of the result for people; {@code values} go into it as in {@link String#format}. */
    public void say(String line, Object... values) {
        println(json ? err : out, line, values);
    }

    /** Writes a remark on what is being done to standard error, unless the caller wants quiet. */
    public void note(String line, Object... values) {
        if (terminal.kind() != Terminal.Kind.NONE) {
            println(err, line, values);
        }
    }

    /** Writes a table of the result for people. */
    public void say(Table table) {
        table.lines().forEach(line -> say("%s", line));
    }

    /** Writes text piece by piece, as it comes, without ending the line; nothing with {@code --json}. */
    public void stream(String text) {
        if (!json) {
            clearBar();
            out.print(text);
            out.flush();
        }
    }

    /** Writes one JSON object as a line, if the caller asked for JSON: a map, a record or a bean. */
    public void json(Object value) {
        if (!json) {
            return;
        }
        try {
            String line = Json.MAPPER.writeValueAsString(value);
            clearBar();
            out.println(line);
            out.flush();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot write " + value.getClass().getSimpleName() + " as JSON", e);
        }
    }

    /**
     * Starts a progress bar; close it at the end.
     *
     * @param what one word for the work, such as "train"
     * @param first units of work that were done before, as after a resume
     * @param total units of work in all
     */
    public ProgressBar progress(String what, long first, long total) {
        return new ProgressBar(this, terminal, System::nanoTime, what, first, total);
    }

    /** Draws over the bar's line, or writes a line of its own where the line cannot be drawn over. */
    void bar(String line) {
        if (terminal.kind() == Terminal.Kind.SCREEN) {
            err.print(CLEAR_LINE + line);
            barShown = true;
        } else {
            err.println(line);
        }
        err.flush();
    }

    /** Leaves the bar on the screen and goes to the next line. */
    void endBar() {
        if (barShown) {
            err.println();
            err.flush();
            barShown = false;
        }
    }

    private void println(PrintWriter writer, String line, Object... values) {
        clearBar();
        writer.println(values.length == 0 ? line : String.format(Locale.ROOT, line, values));
        writer.flush();
    }

    private void clearBar() {
        if (barShown) {
            err.print(CLEAR_LINE);
            err.flush();
            barShown = false;
        }
    }

    /** Loaded only when JSON is written, which keeps the other commands' start short. */
    private static final class Json {
        static final ObjectMapper MAPPER = JsonMapper.builder()
                .enable(EnumFeature.WRITE_ENUMS_TO_LOWERCASE)
                .build();
    }
}
