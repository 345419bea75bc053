package dev.longnet.app.serve;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Takes the picture of the page that the README shows, from a server that runs. The arguments are its address, the file to
 * write, a text file to read, and a prompt.
 */
final class PagePicture {
    private static final int WIDTH = 1100;

    private PagePicture() {}

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        Path picture = Path.of(arguments[1]), text = Path.of(arguments[2]).toAbsolutePath();
        try (Browser browser = Objects.requireNonNull(Browser.start(), Browser.MISSING)) {
            browser.size(WIDTH, 900, false);
            browser.prefers("prefers-color-scheme", "light");
            browser.open(address);
            browser.until("the model", () -> !browser.all("#model-facts dt").isEmpty());
            browser.find("#files").sendKeys(text.toString());
            browser.until("the file", () -> !browser.text("#picked").isEmpty());
            browser.click("#read-start");
            browser.until(
                    "all read",
                    () -> browser.text("#read-status").startsWith("Read ")
                            || !browser.text("#read-error").isEmpty());
            browser.script("document.getElementById('prompt').value = arguments[0]", arguments[3]);
            browser.fill("#seed", "1");
            browser.click("#write-start");
            browser.until(
                    "the completion",
                    () -> browser.text("#write-status").contains(" tokens, ")
                            || !browser.text("#write-error").isEmpty());
            browser.click("#surprise-start");
            browser.until(
                    "surprise",
                    () -> !browser.all("#attention-tokens [data-branches]").isEmpty()
                            || !browser.text("#surprise-error").isEmpty());
            browser.script("document.activeElement.blur()");
            Number height = (Number) browser.script("return document.documentElement.scrollHeight");
            browser.size(WIDTH, height.intValue(), false);
            Files.write(picture, browser.picture());
        }
    }
}
