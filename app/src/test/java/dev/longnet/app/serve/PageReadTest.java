package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.Keys;
import org.openqa.selenium.Point;

/** Reading on the page: what is dropped or chosen is sent, watched, kept, or stopped. */
class PageReadTest extends PageCase {
    @TempDir
    Path folder;

    private Path write(String path, String text) throws IOException {
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private void choose(Path... files) {
        String before = browser.text("#picked");
        browser.find("#files").sendKeys(Stream.of(files).map(Path::toString).collect(Collectors.joining("\n")));
        browser.until("what was chosen", () -> !browser.text("#picked").equals(before));
    }

    private String progress(long tokens, long total) {
        return "{\"object\":\"state.progress\",\"tokens\":" + tokens + ",\"total\":" + total
                + ",\"tokens_per_second\":1500.4,\"loss\":2.34567,\"by_position\":" + MODEL.byPosition(tokens) + "}";
    }

    @Test
    void readsWhatIsChosenAndShowsHowFarItIs() throws Exception {
        choose(write("Ödipus <b>.txt", "é, a text"), write("b.java", "class B {}"));
        browser.until("#picked", "2 files, 20 bytes");
        assertThat(browser.value("#read-name")).isEqualTo("texts");
        browser.fill("#read-name", "two.files");
        browser.click("#read-start");
        browser.until("#read-status", "Sending 20 bytes …");
        assertThat(browser.find("#read-bar").getDomProperty("position")).isEqualTo("-1");

        server.events.add(progress(12_345, 50_000));
        browser.until("#read-tokens", "12,345 of 50,000");
        assertThat(server.uploads).hasSize(1);
        assertThat(server.uploads.get(0).fields()).isEqualTo(Map.of("name", "two.files", "stream", "true"));
        assertThat(server.uploads.get(0).files())
                .isEqualTo(Map.of("Ödipus <b>.txt", "é, a text", "b.java", "class B {}"));
        assertThat(browser.find("#read-bar").getDomProperty("position")).startsWith("0.2469");
        assertThat(browser.text("#read-rate")).isEqualTo("1,500");
        assertThat(browser.text("#read-loss")).isEqualTo("2.346");
        assertThat(browser.text("#read-left")).isEqualTo("25 s");
        assertThat(browser.all("#read-chart .dot")).hasSize(5);
        assertThat(browser.find("#read-start").isEnabled()).isFalse();

        server.events.add(server.keep("two.files", 50_000));
        server.events.add("[DONE]");
        browser.until("the state in the list", () -> browser.all("#states li").size() == 2);
        browser.until("its chart", () -> browser.all("#read-chart .dot").size() == 7);
        assertThat(browser.text("#read-status")).startsWith("Read 50,000 tokens in ");
        assertThat(browser.text("#states li:last-child"))
                .contains("two.files", "50,000 tokens, loss 1.931 nats, 150 kB");
        assertThat(browser.value("#write-state")).isEqualTo("two.files");
        assertThat(browser.value("#surprise-state")).isEqualTo("two.files");
        assertThat(browser.shown("#read-stop")).isFalse();
        assertThat(browser.shown("#read-progress")).isFalse();
    }

    /** The points of the curve stand where a logarithmic axis of positions and a linear one of losses put them. */
    @Test
    void lossByPositionIsDrawnWhereItBelongs() {
        server.keep("books", 8000);
        open();
        browser.click("#states li:last-child input");
        assertThat(browser.text("#read-chart figcaption")).startsWith("Loss by position in books.");
        List<Double> across = new ArrayList<>(), down = new ArrayList<>();
        browser.all("#read-chart .dot").forEach(dot -> {
            across.add(Double.valueOf(dot.getDomAttribute("cx").replace("%", "")));
            down.add(Double.valueOf(dot.getDomAttribute("cy").replace("%", "")));
        });
        assertThat(across).isEqualTo(List.of(0.0, 33.333, 66.667, 100.0)); // 1000, 2000, 4000, 8000
        // 2.7, 2.35, 2.175 and 2.0875 between 2 and 2.8
        assertThat(down).isEqualTo(List.of(12.5, 56.25, 78.125, 89.063));
    }

    @Test
    void readsADroppedFolderWithAllInIt() throws Exception {
        write("novels/a.txt", "A");
        write("novels/deep/er/b.txt", "B");
        write("novels/.git/config", "hidden");
        write("novels/deep/.hidden", "hidden");
        for (int i = 0; i < 130; i++) { // a browser hands out a hundred at a time
            write("novels/many/" + i + ".txt", "number " + i);
        }
        drop(folder.resolve("novels"));
        browser.until("the files counted", () -> browser.text("#picked").startsWith("132 files"));
        assertThat(browser.text("#picked")).endsWith("2 hidden left out");
        assertThat(browser.value("#read-name")).isEqualTo("novels");
        browser.click("#read-start");
        browser.until("the upload", () -> server.uploads.size() == 1);
        Map<String, String> files = server.uploads.get(0).files();
        assertThat(files)
                .hasSize(132)
                .containsEntry("novels/a.txt", "A")
                .containsEntry("novels/deep/er/b.txt", "B")
                .containsEntry("novels/many/129.txt", "number 129");
        server.events.add(server.keep("novels", 12));
        server.events.add("[DONE]");
        browser.until("the state chosen", () -> browser.value("#write-state").equals("novels"));
        drop(folder.resolve("novels"));
        browser.until(
                "another name, as that is taken",
                () -> browser.value("#read-name").equals("novels-2"));
    }

    private void drop(Path what) {
        Point corner = browser.find("#drop").getLocation();
        Dimension size = browser.find("#drop").getSize();
        Map<String, Object> data =
                Map.of("items", List.of(), "files", List.of(what.toString()), "dragOperationsMask", 1);
        for (String type : List.of("dragEnter", "dragOver", "drop")) {
            browser.command(
                    "Input.dispatchDragEvent",
                    Map.of("type", type, "x", corner.x + 10, "y", corner.y + size.height - 10, "data", data));
            if (type.equals("dragOver")) {
                browser.until(
                        "the zone shows it",
                        () -> browser.find("#drop").getDomAttribute("class").contains("over"));
            }
        }
    }

    @Test
    void goesOnFromAStateAndCanBeStopped() throws Exception {
        server.keep("first", 3000);
        open();
        choose(write("more.txt", "more"));
        assertThat(browser.value("#read-name")).isEqualTo("more");
        browser.find("#read-from").sendKeys("first");
        browser.click("#read-start");
        server.events.add(progress(3001, 9000));
        browser.until("#read-status", "Reading, 25 % …");
        assertThat(server.uploads.get(0).fields()).containsEntry("from", "first");
        browser.click("#read-stop");
        browser.until("#read-status", "Stopped; nothing was kept.");
        assertThat(server.left.await(10, TimeUnit.SECONDS))
                .as("the connection was closed")
                .isTrue();
        assertThat(browser.text("#read-error")).isEmpty();
        assertThat(browser.find("#read-start").isEnabled()).isTrue();
        assertThat(browser.text("#picked")).startsWith("more.txt"); // so that it can be tried again
    }

    @Test
    void saysWhatIsMissingBeforeAnythingIsSent() throws Exception {
        server.keep("taken", 10);
        open();
        browser.click("#read-start");
        browser.until("#read-error", "Drop or choose some text first.");
        choose(write("a.txt", "text"));
        browser.fill("#read-name", ".hidden");
        browser.click("#read-start");
        assertThat(browser.text("#read-error")).startsWith("The name may have up to 64 letters");
        browser.fill("#read-name", "taken");
        browser.click("#read-start");
        assertThat(browser.text("#read-error")).startsWith("There is something called taken already");
        choose(write("large.txt", "x".repeat(100_001)));
        browser.fill("#read-name", "large");
        browser.click("#read-start");
        assertThat(browser.text("#read-error")).isEqualTo("That is 100 kB; this server takes up to 100 kB at once.");
        assertThat(server.uploads).isEmpty();
    }

    @Test
    void failuresAreSaidInWords() throws Exception {
        expect(400);
        server.refuse("None of the 1 files is text.");
        choose(write("a.bin", "\0\0"));
        browser.click("#read-start");
        browser.until("#read-error", "None of the 1 files is text.");
        server.refuse(null);

        browser.click("#read-start");
        server.events.add(progress(5, 10));
        server.events.add("{\"error\":{\"message\":\"The disk is full.\",\"type\":\"server_error\"}}");
        server.events.add(FakeServer.BREAK_OFF);
        browser.until("#read-error", "The disk is full.");

        browser.click("#read-start");
        server.events.add(progress(5, 10));
        server.events.add(FakeServer.BREAK_OFF);
        browser.until("#read-error", "The server's answer broke off before it was done.");
        assertThat(browser.find("#read-start").isEnabled()).isTrue();
        assertThat(browser.shown("#read-progress")).isFalse();
    }

    @Test
    void deletesAStateOnlyWhenAskedTwice() {
        server.keep("one", 1);
        server.keep("two", 2);
        open();
        browser.click("#states li:nth-child(2) input");
        assertThat(browser.value("#write-state")).isEqualTo("one");
        browser.click("button[aria-label='Delete one']");
        assertThat(browser.focused().getText()).isEqualTo("Keep it");
        browser.focused().sendKeys(Keys.ENTER);
        assertThat(browser.focused().getAccessibleName()).isEqualTo("Delete one");
        browser.focused().sendKeys(Keys.ENTER);
        browser.focused().sendKeys(Keys.chord(Keys.SHIFT, Keys.TAB));
        assertThat(browser.focused().getText()).isEqualTo("Delete it");
        browser.focused().sendKeys(Keys.ENTER);
        browser.until("the list without it", () -> browser.all("#states li").size() == 2);
        assertThat(server.states()).containsExactly("two");
        assertThat(browser.value("#write-state")).isEmpty();
        assertThat(browser.focused().getDomAttribute("name")).isEqualTo("state");
    }
}
