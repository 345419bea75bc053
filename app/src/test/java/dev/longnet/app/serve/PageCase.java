package dev.longnet.app.serve;

import dev.longnet.pattern.DilationPattern;
import java.io.IOException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.openqa.selenium.Keys;

/** One browser for a class, for each test a server and the page that it serves; and no test leaves complaints behind. */
abstract class PageCase {
    /** Odd on purpose: more ratio than heads, a segment that is no multiple of its ratio. */
    static final FakeModel MODEL = new FakeModel(DilationPattern.parse("16:1,50:3,211:7"), 3, 5);

    static final String CONTROL_ENTER = Keys.chord(Keys.CONTROL, Keys.ENTER);

    static Browser browser;

    FakeServer server;
    private int[] expected = {};

    @BeforeAll
    static void start() {
        browser = Browser.start();
    }

    @AfterAll
    static void stop() {
        if (browser != null) {
            browser.close();
        }
    }

    @BeforeEach
    void serve() throws IOException {
        Assumptions.assumeTrue(browser != null, Browser.MISSING);
        server = new FakeServer(MODEL);
        browser.size(1100, 900, false);
        open();
    }

    @AfterEach
    void nothingBehindAnyonesBack() {
        if (browser == null) {
            return;
        }
        try {
            browser.assertQuiet(server.address(), expected);
        } finally {
            browser.open("about:blank");
            server.close();
        }
    }

    void open() {
        browser.open(server.address());
        browser.until("#model-name", "a-model");
        int states = server.states().size();
        browser.until("all states", () -> browser.all("#states li").size() == (states == 0 ? 0 : states + 1));
        browser.until("attention", () -> !browser.all("#branches figure").isEmpty());
    }

    /** This test makes the server answer with these statuses. */
    void expect(int... statuses) {
        expected = statuses;
    }
}
