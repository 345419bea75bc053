package dev.longnet.app.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

class ReportTest {
    @TempDir
    Path parent;

    private Path folder;

    @BeforeEach
    void makeFolder() throws IOException {
        folder = Files.createDirectory(parent.resolve("first <run>"));
    }

    private void file(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    private String page() throws IOException {
        Path report = Report.write(folder);
        assertThat(report).isEqualTo(folder.resolve("report.html"));
        assertThat(folder).isDirectoryNotContaining("glob:**.tmp");
        String page = Files.readString(report);
        assertThat(page)
                .doesNotContain("http://www.w3.org/1999")
                .doesNotContain("<script")
                .doesNotContain("<link");
        return page;
    }

    private static Element main(String page) {
        return ChartTest.parse(page.substring(page.indexOf("<main>"), page.indexOf("</body>")));
    }

    @Test
    void showsEverythingThatARunLeaves() throws IOException {
        file("config.yaml", "model:\n  pattern: 4:1,8:2  # <small>\n  heads: 2\ntrain:\n  length: 13\n");
        file(
                "run.json",
                "{\"name\":\"R&D\",\"parameters\":3345920,\"seed\":42,\"machine\":{\"cores\":2},\"tags\":[1,2]}");
        file("metrics.jsonl", """
                {"step":1,"tokens":8192,"loss":5.5,"learningRate":1e-4,"gradientNorm":2.5,"tokensPerSecond":900}
                {"step":2,"tokens":16384,"loss":4.5,"learningRate":2e-4,"gradientNorm":1.5,"tokensPerSecond":1100}
                {"step":2,"heldOutLoss":4.625}
                """);
        file("eval.json", """
                {"data":"files <held> out","models":[
                 {"name":"LongNet","trainedLength":1024,"byContext":[
                   {"context":2048,"loss":1.5,"perplexity":4.48,"bitsPerByte":2.164},
                   {"context":1024,"loss":1.25,"bitsPerByte":1.803}],
                  "byPosition":[{"from":0,"to":512,"loss":2},{"from":512,"to":1024,"loss":1.5}]},
                 {"name":"dense","trainedLength":512,"byContext":[{"context":1024,"loss":2,"perplexity":7.39}]}]}
                """);
        file("sample.json", "{\"prompt\":\"List<\",\"completion\":\"T> & co\",\"settings\":{\"seed\":1}}");

        String page = page();
        Element main = main(page);
        assertThat(ChartTest.all(main, "h1"))
                .extracting(Element::getTextContent)
                .containsExactly("R&D");
        assertThat(ChartTest.all(main, "dd"))
                .extracting(Element::getTextContent)
                .containsSubsequence("4.625", "1.803", "at 1K tokens of context", "1100", "16.4K", "3.35M");
        assertThat(ChartTest.all(main, "figcaption"))
                .extracting(caption -> caption.getTextContent().replaceAll("( [A-Z]).*", ""))
                .containsExactly(
                        "Perplexity by context",
                        "Loss by position",
                        "Loss",
                        "Tokens per second",
                        "Learning rate",
                        "Gradient norm",
                        "4:1",
                        "8:2",
                        "all branches");
        assertThat(ChartTest.all(main, "td"))
                .extracting(Element::getTextContent)
                .containsSequence("3.49", "1.803", "7.39", "–", "4.48", "2.164", "–", "–")
                .contains("[1,2]");
        assertThat(page).contains("<td class=\"beyond\">4.48</td>".replace("4.48", "<strong>4.48</strong>"));
        assertThat(ChartTest.all(main, "pre"))
                .extracting(Element::getTextContent)
                .containsExactly(
                        "List<T> & co", "model:\n  pattern: 4:1,8:2  # <small>\n  heads: 2\ntrain:\n  length: 13\n");
        assertThat(main.getTextContent())
                .contains("machine.cores", "Measured on files <held> out.", "Sampled with seed 1.")
                .doesNotContain("There is no");
    }

    @Test
    void saysWhatIsMissing() throws IOException {
        file("metrics.jsonl", "");
        assertThat(main(page()).getTextContent())
                .contains(
                        "first <run>",
                        "There is no eval.json yet",
                        "There is no metrics.jsonl yet",
                        "There is no sample.json yet",
                        "There is no run.json",
                        "There is no config.yaml");
    }

    @Test
    void saysWhatIsDamagedAndShowsTheRest() throws IOException {
        file("config.yaml", "model: [unclosed");
        file("run.json", "{\"name\":");
        file("eval.json", "not json");
        file("sample.json", "[1,2]");
        file("metrics.jsonl", "{\"step\":1,\"loss\":5}\n#broken\n{\"step\":2,\"loss\":4}\n\n{\"step\":3,\"lo");
        Element main = main(page());
        assertThat(main.getTextContent())
                .contains("config.yaml is damaged", "run.json is damaged", "eval.json is damaged in line 1")
                .contains("metrics.jsonl is damaged in 1 line, left out");
        assertThat(ChartTest.all(main, "circle")).hasSize(4);
    }

    @Test
    void drawsLossesThatAreNotFiniteAsGaps() throws IOException {
        file(
                "metrics.jsonl",
                "{\"step\":1,\"loss\":5}\n{\"step\":2,\"loss\":NaN}\n{\"step\":3,\"loss\":\"Infinity\"}\n");
        assertThat(ChartTest.all(main(page()), "path").get(0).getAttribute("d")).matches("M[\\d. ]+");
    }

    @Test
    void takesTheLaterOfTwoLinesOfOneStep() throws IOException {
        file("metrics.jsonl", "{\"step\":2,\"loss\":9}\n{\"step\":1,\"loss\":5}\n{\"step\":2,\"loss\":4}\n");
        assertThat(ChartTest.all(main(page()), "title"))
                .extracting(Element::getTextContent)
                .containsExactly("Loss", "training loss, 1: 5", "training loss, 2: 4");
    }

    @Test
    void ignoresALastLineThatACrashCutOff() throws IOException {
        file("metrics.jsonl", "{\"step\":1,\"loss\":5}\n{\"step\":2,\"lo");
        assertThat(main(page()).getTextContent()).doesNotContain("damaged");
    }

    @Test
    void drawsLongRunsInASmallPage() throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int step = 1; step <= 30_000; step++) {
            lines.append("{\"step\":" + step + ",\"loss\":" + 5.0 / step + ",\"tokensPerSecond\":" + step % 7 + "}\n");
        }
        file("metrics.jsonl", lines.toString());
        assertThat(page().length()).isLessThan(100_000);
    }

    @Test
    void saysWhatCannotBeRead() throws IOException {
        Files.createDirectory(folder.resolve("run.json"));
        assertThat(main(page()).getTextContent()).contains("run.json cannot be read (Is a directory).");
    }

    @Test
    void saysWhyAPatternCannotBeDrawn() throws IOException {
        file("config.yaml", "model:\n  pattern: 8:x\n");
        assertThat(main(page()).getTextContent()).contains("cannot be drawn: dilation ratio \"x\"");
    }

    @Test
    void keepsTextThatIsNoUtf8Readable() throws IOException {
        Files.write(folder.resolve("config.yaml"), "a: \u00e9".getBytes(StandardCharsets.ISO_8859_1));
        assertThat(page()).contains("a: \ufffd");
        file("sample.json", "{\"prompt\":\"\",\"completion\":\"\\ud800 \\u0000\"}");
        assertThat(page()).contains("? \u2400");
    }

    @Test
    void replacesAnOlderReportOnly() throws IOException {
        file("metrics.jsonl", "");
        file("report.html", "old");
        assertThat(page()).startsWith("<!doctype html>");
        Files.delete(folder.resolve("report.html"));
        Files.createDirectories(folder.resolve("report.html/in-the-way"));
        assertThatThrownBy(() -> Report.write(folder))
                .isInstanceOf(LongNetException.class)
                .hasMessageStartingWith("cannot write " + folder.resolve("report.html") + ": ");
        assertThat(folder).isDirectoryNotContaining("glob:**.tmp");
        assertThat(folder.resolve("report.html/in-the-way")).exists();
    }

    /** As all files of a run: a link stays a link, and the file it leads to is replaced. */
    @Test
    void isWrittenThroughALink() throws IOException {
        file("metrics.jsonl", "");
        Path page = Files.writeString(parent.resolve("page.html"), "old");
        Files.createSymbolicLink(folder.resolve("report.html"), page);
        page();
        assertThat(folder.resolve("report.html")).isSymbolicLink();
        assertThat(page).content().startsWith("<!doctype html>");
    }

    @Test
    void needsARun() {
        assertThatThrownBy(() -> Report.write(folder))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("holds no run");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void needsAFolder() {
        assertThatThrownBy(() -> Report.write(parent.resolve("nowhere")))
                .isInstanceOf(LongNetException.class)
                .hasMessageEndingWith(
                        "is not a folder; give the folder that a training run wrote, such as runs/quickstart");
    }
}
