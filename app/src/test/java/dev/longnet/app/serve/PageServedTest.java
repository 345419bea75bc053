package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page with the server it belongs to: read a file, write, look at surprise and attention. */
class PageServedTest {
    @TempDir
    Path folder;

    @Test
    void fromAFileToAttention() throws Exception {
        Path text = folder.resolve("song.txt");
        Files.writeString(text, "A line of a song, and another line.\n".repeat(200));
        try (Browser browser = Browser.start()) {
            assumeTrue(browser != null, Browser.MISSING);
            try (Served served = new Served(folder.resolve("states"))) {
                browser.open(served.address("/").toString());
                browser.until("the model", () -> !browser.all("#model-facts dt").isEmpty());
                browser.find("#files").sendKeys(text.toString());
                browser.until("the file", () -> !browser.text("#picked").isEmpty());
                browser.click("#read-start");
                browser.until("all read", () -> browser.text("#read-status").startsWith("Read 7,201 tokens"));
                browser.fill("#prompt", "A line of");
                browser.fill("#max-tokens", "40");
                browser.click("#write-start");
                browser.until("the text", () -> browser.text("#write-status").startsWith("40 tokens"));
                browser.click("#surprise-start");
                browser.until(
                        "attention",
                        () -> !browser.all("#attention-tokens [data-branches]").isEmpty());
                assertThat(browser.all(
                                "#surprise-error:not(:empty), #read-error:not(:empty), #write-error:not(:empty)"))
                        .isEmpty();
                assertThat(Files.exists(folder.resolve("states/song.lns"))).isTrue();
                browser.assertQuiet(served.address("/").toString());
            }
        }
    }
}
