package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.Keys;

/** Writing on the page: a completion appears as it is made, and stops when told to. */
class PageWriteTest extends PageCase {
    private JsonNode wish() {
        return server.calls.stream()
                .filter(call -> call.path().equals("/v1/completions"))
                .reduce((one, other) -> other)
                .orElseThrow()
                .body();
    }

    @Test
    void whatIsWrittenStreamsAndStaysText() {
        browser.fill("#prompt", "public <i>");
        browser.find("#prompt").sendKeys(CONTROL_ENTER);
        browser.until("#write-status", "Writing …");
        server.events.add(FakeServer.piece("class", null));
        browser.until("#written", "public <i>class");
        String nasty = " <b onclick=x>é</b>\n\t<script>throw 1</script><img src=x>";
        server.events.add(FakeServer.piece(nasty, null));
        browser.until("#written", "public <i>class" + nasty);
        assertThat(browser.text("#written-prompt")).isEqualTo("public <i>");
        assertThat(browser.all("#written b, #written img, #written script, #written i"))
                .isEmpty();
        assertThat(browser.shown("#write-stop")).isTrue();
        server.events.add(FakeServer.piece("!", "length"));
        server.events.add("{\"choices\":[],\"usage\":{\"completion_tokens\":61}}");
        server.events.add("[DONE]");
        browser.until("#write-status", "61 tokens, as many as wished for.");
        assertThat(browser.text("#write-rate")).matches("[0-9.]+ tokens/s");
        assertThat(browser.shown("#write-stop")).isFalse();
        assertThat(browser.value("#surprise-text")).isEqualTo("public <i>class" + nasty + "!");

        browser.click("#write-on");
        assertThat(browser.value("#prompt")).isEqualTo("public <i>class" + nasty + "!");
    }

    @Test
    void fieldsBecomeTheRequest() {
        server.keep("books", 7000);
        open();
        browser.fill("#prompt", "a\nb");
        browser.find("#write-state").sendKeys("books");
        browser.fill("#max-tokens", "17");
        browser.fill("#temperature", "0.35");
        browser.fill("#top-p", "0.9");
        browser.click("#write-start");
        server.events.add("[DONE]");
        browser.until("#write-status", "0 tokens, done.");
        assertThat(wish().toString())
                .isEqualTo("{\"prompt\":\"a\\nb\",\"max_tokens\":17,\"temperature\":0.35,\"top_p\":0.9,\"stream\":true,"
                        + "\"stream_options\":{\"include_usage\":true},\"state\":\"books\"}");
        browser.fill("#seed", "-3");
        browser.fill("#stop", "\\n\\\\n}");
        browser.click("#write-start");
        server.events.add(FakeServer.piece("x", "stop"));
        server.events.add("[DONE]");
        browser.until("#write-status", "1 token, at the stop text.");
        assertThat(wish().path("seed").asLong()).isEqualTo(-3);
        assertThat(wish().path("stop").asText()).isEqualTo("\n\\n}");
    }

    @Test
    void escapeStops() throws Exception {
        browser.fill("#prompt", "go");
        browser.find("#prompt").sendKeys(CONTROL_ENTER);
        server.events.add(FakeServer.piece(" on", null));
        browser.until("#written", "go on");
        browser.find("#prompt").sendKeys(Keys.ESCAPE);
        browser.until("#write-status", "Stopped after 1 token.");
        assertThat(server.left.await(10, TimeUnit.SECONDS))
                .as("the connection was closed")
                .isTrue();
        assertThat(browser.text("#written")).isEqualTo("go on");
        assertThat(browser.text("#write-error")).isEmpty();
        browser.click("#write-start");
        server.events.add("[DONE]");
        browser.until("#write-status", "0 tokens, done.");
    }

    @Test
    void failuresAreSaidInWords() {
        expect(400);
        server.refuse("max_tokens must be positive, got 0");
        browser.fill("#prompt", "x");
        browser.click("#write-start");
        browser.until("#write-error", "max_tokens must be positive, got 0");
        server.refuse(null);
        browser.click("#write-start");
        server.events.add(FakeServer.piece("half", null));
        server.events.add("{\"error\":{\"message\":\"The device ran out of memory.\"}}");
        server.events.add(FakeServer.BREAK_OFF);
        browser.until("#write-error", "The device ran out of memory.");
        assertThat(browser.text("#written")).isEqualTo("xhalf"); // what came stays
        assertThat(browser.find("#write-start").isEnabled()).isTrue();
    }
}
