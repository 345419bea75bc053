package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** Surprise on the page: each token's colour under each context, and what is said of one. */
class PageSurpriseTest extends PageCase {
    private static final String TEXT = "so <b>\n\té end, and the line goes on";

    private void measure(String text, int tokens) {
        browser.fill("#surprise-text", text);
        browser.fill("#contexts", "4, 1k");
        browser.find("#contexts").sendKeys(CONTROL_ENTER);
        browser.until("#surprise-status", tokens + " tokens measured.");
    }

    /** As {@link #measure}, with a text that no keyboard types. */
    private void measureText() {
        browser.script("document.getElementById('surprise-text').value = arguments[0]", TEXT);
        browser.fill("#contexts", "4, 1k");
        browser.click("#surprise-start");
        browser.until("#surprise-status", "36 tokens measured.");
    }

    private List<String> classes() {
        return browser.all("#surprise-tokens [role=option]").stream()
                .map(token -> token.getDomAttribute("class"))
                .toList();
    }

    /** The colour of a loss, from the bounds that the legend shows. */
    private static String heat(double loss) {
        double[] bounds = {0.5, 1, 2, 3, 4, 5, 6, 8};
        int i = 0;
        while (i < bounds.length && loss >= bounds[i]) {
            i++;
        }
        return "heat-" + i;
    }

    private static List<String> heats(int context, double unit) {
        return IntStream.range(0, 36)
                .mapToObj(i -> i == 0 ? "heat-none" : heat(FakeModel.loss(i, context) / unit))
                .toList();
    }

    @Test
    void coloursAreThoseOfTheLosses() {
        assertThat(browser.shown("#surprise-empty")).isTrue();
        measureText();
        assertThat(browser.shown("#surprise-empty")).isFalse();
        assertThat(server.calls.get(server.calls.size() - 2).body().toString())
                .isEqualTo("{\"text\":\"so <b>\\n\\té end, and the line goes on\",\"contexts\":[4,1024]}");
        assertThat(browser.text("#surprise-tokens")).isEqualTo(TEXT.replace("é", "\ufffd\ufffd"));
        assertThat(browser.all("#context-choice label").stream().map(WebElement::getText))
                .hasSize(3)
                .satisfiesExactly(
                        first -> assertThat(first).startsWith("4 tokens").endsWith(" nats"),
                        second -> assertThat(second).startsWith("1,024 tokens"),
                        third -> assertThat(third).startsWith("all of it").doesNotContain("state"));
        assertThat(classes()).isEqualTo(heats(2, 1)); // all of it to begin with
        browser.click("#context-choice label:first-child input");
        assertThat(classes()).isEqualTo(heats(0, 1));
        browser.focused().sendKeys(Keys.ARROW_DOWN);
        assertThat(classes()).isEqualTo(heats(1, 1));
        browser.find("#unit").sendKeys("bits");
        assertThat(classes()).isEqualTo(heats(1, Math.log(2)));
        assertThat(browser.text("#legend")).startsWith("expected0–0.5123456").endsWith("surprising, in bits a token");
    }

    /** Blue where more context helps, orange where it does not, and bars as long as the means are. */
    @Test
    void changesAgainstTheShortestContext() {
        measureText();
        browser.click("input[name=colour][value=change]");
        assertThat(browser.text("#change-label")).isEqualTo("the change against 4 tokens");
        double[] bounds = {-2, -1, -0.25, 0.25, 1, 2};
        List<String> wanted = IntStream.range(0, 36)
                .mapToObj(i -> {
                    double change = FakeModel.loss(i, 2) - FakeModel.loss(i, 0);
                    return i == 0
                            ? "heat-none"
                            : "change-"
                                    + IntStream.range(0, bounds.length)
                                            .filter(b -> change >= bounds[b])
                                            .count();
                })
                .toList();
        assertThat(classes()).isEqualTo(wanted).contains("change-0", "change-3", "change-4");
        double[] widths = browser.all("#context-choice .fill").stream()
                .mapToDouble(bar -> bar.getRect().width)
                .toArray();
        double[] means = IntStream.range(0, 3)
                .mapToDouble(c -> IntStream.range(1, 36)
                        .mapToDouble(i -> FakeModel.loss(i, c))
                        .sum())
                .toArray();
        assertThat(widths[2] / widths[0]).isCloseTo(means[2] / means[0], within(0.01));
    }

    @Test
    void arrowKeysMoveFromTokenToToken() {
        measureText();
        assertThat(browser.all("#surprise-tokens [tabindex='0']")).hasSize(1);
        browser.find("#surprise-tokens [tabindex='0']").sendKeys(Keys.ARROW_RIGHT);
        browser.focused().sendKeys(Keys.ARROW_RIGHT);
        browser.focused().sendKeys(Keys.ARROW_RIGHT);
        assertThat(browser.focused().getDomAttribute("data-index")).isEqualTo("3");
        assertThat(browser.text("#token-detail")).startsWith("token 3: <");
        assertThat(browser.all("#token-detail .number").stream().map(WebElement::getText))
                .containsExactly(number(3, 0), number(3, 1), number(3, 2));
        browser.focused().sendKeys(Keys.ARROW_DOWN); // the second line is a tab of four columns, then the bytes of é
        assertThat(browser.focused().getDomAttribute("data-index")).isEqualTo("8");
        browser.focused().sendKeys(Keys.ARROW_LEFT);
        assertThat(browser.focused().getDomAttribute("data-index")).isEqualTo("7");
        assertThat(browser.focused().getAccessibleName()).isEqualTo("tab");
        browser.focused().sendKeys(Keys.ARROW_UP);
        browser.focused().sendKeys(Keys.END);
        browser.focused().sendKeys(Keys.ARROW_RIGHT); // there is none
        assertThat(browser.focused().getDomAttribute("data-index")).isEqualTo("35");
        browser.focused().sendKeys(Keys.HOME);
        assertThat(browser.text("#token-detail .note")).startsWith("Nothing stands before the first token");
        assertThat(browser.all("#surprise-tokens [tabindex='0']")).hasSize(1);
        assertThat(browser.all("#surprise-tokens [aria-selected=true]")).hasSize(1);
    }

    private static String number(int token, int context) {
        return BigDecimal.valueOf(FakeModel.loss(token, context))
                .setScale(2, RoundingMode.HALF_UP)
                .toString();
    }

    @Test
    void aStateIsContextToo() {
        server.keep("books", 777);
        open();
        browser.find("#surprise-state").sendKeys("books");
        measure("abc", 3);
        assertThat(browser.text("#context-choice label:last-child")).startsWith(" all of it and the state");
        assertThat(classes()).containsExactly(heat(0.6), heat(3.7 * 0.64), heat(7.4 * 0.64));
    }

    @Test
    void whatIsWrongIsSaidInWords() {
        expect(400);
        browser.click("#surprise-start");
        browser.until("#surprise-error", "Put a text here first, or let the model write one above.");
        browser.fill("#surprise-text", "abc");
        browser.fill("#contexts", "16, few");
        browser.click("#surprise-start");
        browser.until("#surprise-error", "A context must be a whole number such as 8192 or 8k, not “few”.");
        browser.fill("#contexts", "16");
        server.refuse("The text has 5000 tokens; up to 4096 are measured at once.");
        browser.click("#surprise-start");
        browser.until("#surprise-error", "The text has 5000 tokens; up to 4096 are measured at once.");
        assertThat(browser.shown("#surprise-result")).isFalse();
    }
}
