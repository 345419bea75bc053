package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** The page as a whole: which model, the key, how it looks, and that it can be used by all. */
class PageTest extends PageCase {
    /** Fills every part of the page. */
    private void fill() {
        server.keep("a-rather-long-name_of.sixty-four-letters-that-no-line-breaks-64x", 123_456_789);
        open();
        browser.click("#states li:last-child input");
        browser.script("document.getElementById('surprise-text').value = '"
                + "AnUnbrokenWordThatIsLongerThanATelephoneIsWideAndGoesOnAndOn'");
        browser.script("document.getElementById('prompt').value = document.getElementById('surprise-text').value");
        browser.click("#write-start");
        server.events.add(FakeServer.piece("AndOn".repeat(30), "length"));
        server.events.add("[DONE]");
        browser.until("writing", () -> browser.text("#write-status").startsWith("1 token"));
        browser.click("#surprise-start");
        browser.until(
                "tokens",
                () -> !browser.all("#attention-tokens [data-branches]").isEmpty());
        browser.fill("#target", "3");
        browser.until("a path", () -> !browser.text("#hops").isEmpty());
    }

    @Test
    void saysWhichModelItIs() {
        assertThat(browser.text("#model-pattern")).isEqualTo(MODEL.pattern().toString());
        assertThat(browser.find("#model-facts").getText().replace('\n', ' '))
                .contains("parameters 831K", "layers 3", "5 heads, embedding 128", "device cpu", "longest prompt 1m");
        assertThat(browser.all("#head option")).hasSize(6);
        assertThat(browser.shown("#states-empty")).isTrue();
        assertThat(browser.shown("#key-form")).isFalse();
        assertThat(browser.all(".error").stream().map(WebElement::getText)).allMatch(String::isEmpty);
    }

    @Test
    void asksForTheKeyAndKeepsItForTheTab() {
        expect(401);
        server.askForKey("secret");
        browser.open(server.address());
        browser.until("the question", () -> browser.shown("#key-form"));
        assertThat(browser.focused().getDomAttribute("id")).isEqualTo("key");
        assertThat(browser.text("#key-error")).isEmpty();
        browser.focused().sendKeys("wrong" + Keys.ENTER);
        browser.until("#key-error", "This key is not the server's.");
        assertThat(browser.focused().getDomAttribute("id")).isEqualTo("key");
        browser.fill("#key", "secret");
        browser.click("#key-form button");
        browser.until("#model-name", "a-model");
        assertThat(browser.shown("#key-form")).isFalse();
        browser.fill("#prompt", "x");
        browser.click("#write-start");
        server.events.add("[DONE]");
        browser.until("#write-status", "0 tokens, done.");
        assertThat(server.calls.get(server.calls.size() - 1).key()).isEqualTo("Bearer secret");
        open(); // without asking again
        assertThat(browser.shown("#key-form")).isFalse();
        assertThat(browser.script("return localStorage.length + document.cookie.length"))
                .isEqualTo(0L);
        server.askForKey("changed");
        browser.fill("#prompt", "x");
        browser.click("#write-start");
        browser.until("#write-error", "This key is not the server's.");
        assertThat(browser.shown("#key-form")).isTrue();
    }

    @Test
    void aServerThatIsGoneIsSaidInWords() throws Exception {
        browser.fill("#prompt", "x");
        String address = server.address();
        browser.assertQuiet(address);
        server.close();
        browser.click("#write-start");
        browser.until("#write-error", "The server cannot be reached. Is longnet serve still running?");
        browser.dropComplaints("ERR_CONNECTION");
    }

    @ParameterizedTest
    @ValueSource(ints = {360, 700, 1600})
    void nothingIsWiderThanTheWindow(int width) {
        browser.size(width, 740, width < 500);
        fill();
        assertThat(browser.script("return document.documentElement.scrollWidth"))
                .isEqualTo(browser.script("return document.documentElement.clientWidth"));
        Object wider = browser.script(
                "return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && !e.matches('.skip')"
                        + " && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.outerHTML.slice(0, 99))");
        assertThat(wider).isEqualTo(List.of());
    }

    /** WCAG's 4.5 for text on every colour of both scales, and a scale whose lightness goes one way. */
    @ParameterizedTest
    @ValueSource(strings = {"light", "dark"})
    void coloursCanBeReadAndToldApart(String scheme) {
        browser.prefers("prefers-color-scheme", scheme);
        List<Double> lightness = Contrast.lightness(browser, "heat", 9);
        boolean dark = scheme.equals("dark");
        for (int i = 1; i < lightness.size(); i++) {
            assertThat(dark ? lightness.get(i) - lightness.get(i - 1) : lightness.get(i - 1) - lightness.get(i))
                    .as("heat-%d beside the one before in %s: %s", i, scheme, lightness)
                    .isGreaterThan(0.005);
        }
        for (String kind : List.of("heat", "change")) {
            assertThat(Contrast.ofText(browser, kind, kind.equals("heat") ? 9 : 7))
                    .allMatch(ratio -> ratio >= 4.5);
        }
        for (String selector : List.of(".note", "h1", "#write-start", "#drop p", "label", "nav a", "#theme")) {
            assertThat(Contrast.of(browser, selector)).as(selector).isGreaterThanOrEqualTo(4.5);
        }
    }

    @Test
    void theThemeIsTheSystemsUnlessChosen() {
        String background = "return getComputedStyle(document.body).backgroundColor";
        browser.prefers("prefers-color-scheme", "light");
        Object light = browser.script(background);
        browser.prefers("prefers-color-scheme", "dark");
        Object dark = browser.script(background);
        assertThat(dark).isNotEqualTo(light);
        browser.click("#theme");
        assertThat(browser.text("#theme")).isEqualTo("Theme: light");
        assertThat(browser.script(background)).isEqualTo(light);
        open();
        assertThat(browser.script(background)).isEqualTo(light);
        browser.click("#theme");
        browser.prefers("prefers-color-scheme", "light");
        assertThat(browser.script(background)).isEqualTo(dark);
        browser.click("#theme");
        assertThat(browser.script(background)).isEqualTo(light);
    }

    @Test
    void nothingMovesForThoseWhoWantNoMotion() {
        String animation = "return getComputedStyle(document.getElementById('read-bar')).animationName";
        assertThat(browser.script(animation)).isEqualTo("along");
        browser.prefers("prefers-reduced-motion", "reduce");
        assertThat(browser.script(animation)).isEqualTo("none");
    }

    /** What a screen reader says of every control, and what the keyboard reaches, is what is there. */
    @Test
    void everythingHasANameAndIsReachedByTab() {
        fill();
        assertThat(browser.all("button, input:not(.away), select, textarea, [role=listbox], [role=img], progress"))
                .hasSizeGreaterThan(30)
                .allMatch(control ->
                        !control.isDisplayed() || !control.getAccessibleName().isBlank());
        assertThat(browser.script("const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
                        + "return ids.length - new Set(ids).size"))
                .isEqualTo(0L);
        browser.script("document.querySelector('.skip').focus()");
        List<Object> reached = new ArrayList<>();
        browser.focused().sendKeys(Keys.TAB);
        while (!browser.focused().getTagName().equals("body") && reached.size() < 100) {
            reached.add(
                    browser.script(
                            "const e = document.activeElement; const s = getComputedStyle(e);"
                                    + "return (e.id || e.name || e.textContent) + (s.outlineStyle === 'none' ? ' without outline' : '')"));
            browser.focused().sendKeys(Keys.TAB);
        }
        assertThat(reached)
                .contains("theme", "choose-files", "choose-folder", "read-name", "state")
                .contains("prompt", "write-start", "written", "surprise-text", "contexts", "context")
                .contains("colour", "source", "position", "target", "position-slide")
                .noneMatch(name -> name.toString().contains("without outline"));
    }
}
