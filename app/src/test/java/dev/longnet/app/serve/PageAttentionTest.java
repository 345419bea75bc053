package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** Attention on the page, held against the pattern's own answer for each pair of positions. */
class PageAttentionTest extends PageCase {
    private static final DilationPattern PATTERN = MODEL.pattern();
    private static final int HEADS = MODEL.heads();

    private void ask(String length, String position, String target) {
        int before = asked();
        browser.fill("#length", length);
        browser.fill("#position", position);
        browser.fill("#target", target);
        browser.until("the answer drawn", () -> asked() > before && drawnFor(position));
    }

    private int asked() {
        return (int) server.calls.stream()
                .filter(call -> call.path().contains("attention"))
                .count();
    }

    private boolean drawnFor(String position) {
        String path = server.calls.get(server.calls.size() - 1).path();
        return path.contains("position=" + position)
                && path.contains("target") == !browser.value("#target").isEmpty();
    }

    private static long keys(Branch branch, int head, long position) {
        return IntStream.rangeClosed(0, (int) position)
                .filter(key -> branch.sees(position, key, head, HEADS, true))
                .count();
    }

    /** As many marks for every branch and head as the pattern shows keys, at a position that not all branches keep. */
    @Test
    void everyKeyIsDrawn() {
        for (int position : new int[] {0, 63, 101, 422, 997}) {
            ask("1001", String.valueOf(position), "");
            List<String> wanted = new ArrayList<>();
            for (int b = 0; b < PATTERN.branches().size(); b++) {
                for (int head = 0; head < HEADS; head++) {
                    long keys = keys(PATTERN.branches().get(b), head, position);
                    if (keys > 0) {
                        wanted.add("branch " + b + " head " + head + " keys " + keys);
                    }
                }
            }
            browser.until("marks at " + position, () -> marks().equals(wanted));
        }
    }

    private List<String> marks() {
        return browser.all("#branches .keys path").stream()
                .map(path -> "branch "
                        + browser.script("return arguments[0].closest('[data-branch]').dataset.branch", path)
                        + " head " + path.getDomAttribute("data-head") + " keys " + path.getDomAttribute("data-drawn"))
                .toList();
    }

    @Test
    void marksStandWhereTheirKeysAre() {
        ask("1001", "422", ""); // the first of the third segment of 211
        ask("1001", "436", "");
        browser.until(
                "three keys",
                () -> browser.all("[data-branch='2'] .keys path").size() == 1
                        && browser.find("[data-branch='2'] .keys path")
                                .getDomAttribute("data-drawn")
                                .equals("3"));
        // 436, 429 and 422 in a segment of 211 from 422 on, in thousandths
        assertThat(browser.find("[data-branch='2'] .keys path").getDomAttribute("d"))
                .isEqualTo("M66.35 0h4.74v1h-4.74zM33.18 0h4.74v1h-4.74zM0.00 0h4.74v1h-4.74z");
        assertThat(browser.text("[data-branch='2'] figcaption"))
                .isEqualTo("211:7 segment of 211, every 7th token; 1 of 5 heads, 3 keys each");
    }

    @Test
    void oneHeadAlone() {
        ask("1001", "997", "");
        browser.find("#head").sendKeys("head 1");
        browser.until("one row a branch", () -> browser.all("#branches .track").size() == 3);
        assertThat(browser.all("#branches [data-head]").stream().map(path -> path.getDomAttribute("data-head")))
                .isNotEmpty()
                .allMatch("1"::equals);
    }

    @Test
    void hopsAndPathAreSaid() {
        int target = 422;
        while (PATTERN.hops(target, 620, 1001, HEADS, true) < 2) {
            target++;
        }
        int hops = PATTERN.hops(target, 620, 1001, HEADS, true);
        String start = "Token " + target + " reaches token 620 in " + hops + " layers: " + target + " → ";
        ask("1001", "620", String.valueOf(target));
        browser.until("the path", () -> browser.text("#hops").startsWith(start));
        assertThat(browser.text("#hops").split(" → ")).hasSize(hops + 1);
        assertThat(browser.text("#hops").contains("This model has 3, too few.")).isEqualTo(hops > 3);
        assertThat(PATTERN.hops(799, 800, 1001, HEADS, true)).isEqualTo(-1);
        ask("1001", "800", "799");
        browser.until("#hops", "Nothing of token 799 reaches token 800, in any number of layers.");
    }

    @Test
    void textsOfAnyLengthAreCountedExactly() {
        browser.click("[data-length='1g']");
        browser.until(
                "the answer",
                () -> server.calls.get(server.calls.size() - 1).path().contains("length=1073741824&"));
        long last = Long.parseLong(browser.find("#position").getDomProperty("placeholder"));
        assertThat(last).isBetween((1L << 30) - 7, (1L << 30) - 1);
        assertThat(PATTERN.branches().get(2).covers(last, 0, HEADS))
                .as("the sparsest branch shows something")
                .isTrue();
        browser.until(
                "the segment",
                () -> browser.text("[data-branch='2'] .segment")
                        .contains(String.format(Locale.ROOT, "%,d", last / 211 * 211)));
        browser.fill("#target", "5");
        browser.until(
                "#hops",
                "Paths are not searched as far into a text as position " + String.format(Locale.ROOT, "%,d", last)
                        + "; choose an earlier one.");
        browser.fill("#length", "1.5g");
        browser.until(
                "another length",
                () -> server.calls.get(server.calls.size() - 1).path().contains("length=1610612736&"));
    }

    @Test
    void whatIsWrongIsSaidInWords() {
        browser.fill("#length", "many");
        browser.until("#attention-error", "The length must be a whole number such as 8192 or 8k, not “many”.");
        assertThat(browser.all("#branches figure")).isEmpty();
        browser.fill("#length", "100");
        browser.until("drawn again", () -> browser.all("#branches figure").size() == 3);
        assertThat(browser.text("#attention-error")).isEmpty();
        browser.fill("#position", "100");
        browser.until("#attention-error", "The position must be below the length, 100, not 100.");
        browser.fill("#position", "7");
        browser.fill("#target", "8");
        browser.until("#attention-error", "A token is reached from those before it: 8 comes after 7.");
    }

    /** The text stands after what the state has read, and every token carries the branches that show it. */
    @Test
    void tokensCarryTheBranchesThatShowThem() {
        server.keep("books", 400);
        open();
        browser.find("#surprise-state").sendKeys("books");
        String text = "It is a text of some sixty tokens, each of one letter, no more.";
        browser.fill("#surprise-text", text);
        browser.click("#surprise-start");
        browser.until(
                "the text", () -> browser.all("#attention-tokens [role=option]").size() == text.length());
        assertThat(browser.text("#source-text"))
                .isEqualTo("the text measured above (63 tokens, after the 400 tokens of books)");
        browser.click("#attention-tokens [data-index='36']");
        browser.until(
                "the answer",
                () -> server.calls.get(server.calls.size() - 1).path().equals("/v1/attention?length=463&position=436"));
        browser.until("stripes", () -> stripes().equals(wanted(436)));

        WebElement token = browser.focused();
        assertThat(token.getDomAttribute("data-index")).isEqualTo("36");
        token.sendKeys(Keys.ARROW_RIGHT);
        browser.until("stripes of the next", () -> stripes().equals(wanted(437)));
        browser.find("#attention-tokens [data-index='24']").sendKeys("t");
        browser.until("a path", () -> browser.text("#hops").startsWith("Token 24 ("));
        assertThat(browser.text("#hops")).contains("reaches token 37 (,)".replace(",", text.substring(37, 38)));
        assertThat(browser.find("#attention-tokens .target").getDomAttribute("data-index"))
                .isEqualTo("24");
        assertThat(browser.find("#attention-tokens .here").getDomAttribute("data-index"))
                .isEqualTo("37");
    }

    private List<String> stripes() {
        return browser.all("#attention-tokens [role=option]").stream()
                .map(token -> token.getDomAttribute("data-branches"))
                .toList();
    }

    private static List<String> wanted(int position) {
        return IntStream.range(400, 463)
                .mapToObj(key -> IntStream.range(0, PATTERN.branches().size())
                        .filter(b -> IntStream.range(0, HEADS)
                                .anyMatch(head -> PATTERN.branches().get(b).sees(position, key, head, HEADS, true)))
                        .mapToObj(String::valueOf)
                        .collect(Collectors.joining(" ")))
                .toList();
    }
}
