package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.app.Terminal.Kind;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OutputTest {
    private static final Terminal LINES = new Terminal(Kind.LINES, 0);
    private static final Terminal SCREEN = new Terminal(Kind.SCREEN, 90);

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private final AtomicLong nanos = new AtomicLong();

    private Output output(boolean json, Terminal terminal) {
        return new Output(new PrintWriter(out), new PrintWriter(err), json, terminal);
    }

    private ProgressBar bar(Terminal terminal, long first, long total) {
        return new ProgressBar(output(false, terminal), terminal, nanos::get, "train", first, total);
    }

    record Point(long length, Kind kind, double milliseconds) {}

    @Test
    void withJsonStandardOutputHoldsOnlyJson() {
        Output output = output(true, LINES);
        output.say("for %s", "people");
        output.note("reading");
        output.stream("text");
        output.json(new Point(7, Kind.LINES, 1.5));
        output.json(new Point(8, Kind.NONE, Double.NaN));
        assertThat(out.toString().lines())
                .containsExactly(
                        "{\"length\":7,\"kind\":\"lines\",\"milliseconds\":1.5}",
                        "{\"length\":8,\"kind\":\"none\",\"milliseconds\":\"NaN\"}");
        assertThat(err.toString().lines()).containsExactly("for people", "reading");
    }

    @Test
    void withoutJsonPeopleReadTheResultOnStandardOutput() {
        Output output = output(false, LINES);
        output.say("100 % done");
        output.json(new Point(7, Kind.LINES, 1.5));
        output.stream("a");
        output.stream("b");
        output.note("reading");
        assertThat(out.toString()).isEqualTo("100 % done" + System.lineSeparator() + "ab");
        assertThat(err.toString().lines()).containsExactly("reading");
    }

    @Test
    void quietSilencesNotesAndProgressOnly() {
        Output output = output(false, Terminal.SILENT);
        output.note("reading");
        try (ProgressBar bar = bar(Terminal.SILENT, 0, 3)) {
            nanos.set(Duration.ofMinutes(1).toNanos());
            bar.update(3, 5, 1);
        }
        output.say("result");
        assertThat(err.toString()).isEmpty();
        assertThat(out.toString().lines()).containsExactly("result");
    }

    @Test
    void aFileGetsALineEveryFewSecondsAndOneAtTheEnd() {
        try (ProgressBar bar = bar(LINES, 0, 120)) {
            for (int step = 1; step <= 120; step++) {
                nanos.addAndGet(Duration.ofMillis(100).toNanos());
                bar.update(step, step * 1000L, 2.5);
            }
        }
        assertThat(err.toString().lines())
                .containsExactly(
                        "train 50/120  50k tokens  loss 2.500  10k tokens/s  7.0 s left",
                        "train 100/120  100k tokens  loss 2.500  10k tokens/s  2.0 s left",
                        "train 120/120  120k tokens  loss 2.500  10k tokens/s  in 12 s");
    }

    @Test
    void aResumedRunCountsOnlyItsOwnTime() {
        try (ProgressBar bar = bar(LINES, 100, 120)) {
            nanos.set(Duration.ofSeconds(30).toNanos());
            bar.update(110);
        }
        assertThat(err.toString().lines()).containsExactly("train 110/120  30 s left");
    }

    @Test
    void aScreenIsDrawnOverAndOtherTextGoesAboveTheBar() {
        Output output = output(false, SCREEN);
        try (ProgressBar bar = new ProgressBar(output, SCREEN, nanos::get, "train", 0, 3)) {
            nanos.set(Duration.ofSeconds(2).toNanos());
            bar.update(1, 10, 1);
            output.note("saved");
            bar.update(3, 30, Double.NaN);
        }
        assertThat(err.toString().replace(System.lineSeparator(), "\n"))
                .isEqualTo("\r\u001b[Ktrain 1/3 [======              ]  10 tokens  loss 1.000  5 tokens/s  4.0 s left"
                        + "\r\u001b[Ksaved\n"
                        + "\r\u001b[Ktrain 3/3 [====================]  30 tokens  15 tokens/s  in 2.0 s\n");
    }

    @Test
    void theBarFitsTheScreen() {
        Terminal narrow = new Terminal(Kind.SCREEN, 40);
        try (ProgressBar bar = bar(narrow, 0, 3)) {
            nanos.set(Duration.ofSeconds(2).toNanos());
            bar.update(1, 10, 1);
        }
        assertThat(err.toString().replace("\r\u001b[K", "").strip()).hasSize(39);
    }

    @Test
    void tablesAlignNumbersToTheRight() {
        Table table =
                new Table("context", "name", "loss").row("512", "dense", "4.2").row("8k", "long net", "—");
        assertThat(table.lines())
                .containsExactly("context  name      loss", "    512  dense      4.2", "     8k  long net     —");
        assertThatThrownBy(() -> table.row("1")).isInstanceOf(IllegalStateException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "0,0",
        "7,7",
        "950,950",
        "1000,1k",
        "1234,1.23k",
        "12345,12.3k",
        "999499,999k",
        "999500,1M",
        "1.2e6,1.2M",
        "3.5e13,35T",
        "0.25,0.25",
        "-1500,-1.5k"
    })
    void countsReadShort(double number, String text) {
        assertThat(Human.count(number)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0,0 B", "1023,1023 B", "1536,1.5 KiB", "1073741824,1 GiB", "26843545600,25 GiB"})
    void bytesReadShort(double number, String text) {
        assertThat(Human.bytes(number)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0,0.0 s", "400,0.4 s", "12000,12 s", "125000,2:05", "3725000,1:02:05", "-5,0.0 s"})
    void timesReadShort(long millis, String text) {
        assertThat(Human.time(Duration.ofMillis(millis))).isEqualTo(text);
    }
}
