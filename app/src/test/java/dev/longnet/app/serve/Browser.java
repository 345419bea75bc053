package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.openqa.selenium.By;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** Headless Chromium that looks at one page at a time and remembers what it asked for and complained about. */
final class Browser implements AutoCloseable {
    /** Why a test of the page is skipped where {@link #start} has nothing to start. */
    static final String MISSING =
            "the page is tested in Chromium, and there is no chromium and chromedriver on the PATH;"
                    + " CHROMIUM and CHROMEDRIVER may name them";

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static final Logger SELENIUM = Logger.getLogger("org.openqa.selenium");

    private final ChromeDriver driver;
    private final List<String> complaints = new ArrayList<>();
    private final List<String> asked = new ArrayList<>();

    private Browser(ChromeDriver driver) {
        this.driver = driver;
    }

    /** Starts it; null where there is none. */
    static Browser start() {
        Optional<File> chromium = program("CHROMIUM", "chromium", "chromium-browser", "google-chrome");
        Optional<File> chromedriver = program("CHROMEDRIVER", "chromedriver");
        if (chromium.isEmpty() || chromedriver.isEmpty()) {
            return null;
        }
        SELENIUM.setLevel(Level.SEVERE); // it warns that it doesn't know the newest protocol, which is not used
        ChromeOptions options = new ChromeOptions();
        options.setBinary(chromium.get());
        options.addArguments("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1100,900");
        LoggingPreferences logs = new LoggingPreferences();
        logs.enable(LogType.BROWSER, Level.ALL);
        logs.enable(LogType.PERFORMANCE, Level.ALL);
        options.setCapability("goog:loggingPrefs", logs);
        ChromeDriverService service = new ChromeDriverService.Builder()
                .usingDriverExecutable(chromedriver.get())
                .build();
        return new Browser(new ChromeDriver(service, options));
    }

    private static Optional<File> program(String variable, String... names) {
        String named = System.getenv(variable);
        if (named != null) {
            return Optional.of(new File(named));
        }
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        return Arrays.stream(names)
                .flatMap(name -> Stream.of(path.split(File.pathSeparator)).map(folder -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .map(Path::toFile)
                .findFirst();
    }

    void open(String address) {
        driver.get(address);
    }

    /** A window of this size on a telephone or a desk. */
    void size(int width, int height, boolean telephone) {
        command(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", telephone));
    }

    /** What the system asks pages for, such as prefers-color-scheme: dark. */
    void prefers(String feature, String value) {
        command("Emulation.setEmulatedMedia", Map.of("features", List.of(Map.of("name", feature, "value", value))));
    }

    /** A command of the browser's own protocol. */
    void command(String name, Map<String, Object> parameters) {
        driver.executeCdpCommand(name, parameters);
    }

    WebElement find(String selector) {
        return driver.findElement(By.cssSelector(selector));
    }

    List<WebElement> all(String selector) {
        return driver.findElements(By.cssSelector(selector));
    }

    String text(String selector) {
        return (String) script("return document.querySelector(arguments[0]).textContent", selector);
    }

    String value(String selector) {
        return (String) script("return document.querySelector(arguments[0]).value", selector);
    }

    boolean shown(String selector) {
        return find(selector).isDisplayed();
    }

    void click(String selector) {
        find(selector).click();
    }

    /** Puts a text in place of what the field holds. */
    void fill(String selector, String text) {
        WebElement field = find(selector);
        field.clear();
        field.sendKeys(text);
    }

    WebElement focused() {
        return driver.switchTo().activeElement();
    }

    Object script(String script, Object... arguments) {
        return driver.executeScript(script, arguments);
    }

    /** Waits until the page says so; the failure shows what it says instead. */
    void until(String selector, String text) {
        until(selector + " says “" + text + "”", () -> text(selector), text::equals);
    }

    void until(String what, Supplier<Boolean> condition) {
        until(what, condition, Boolean::booleanValue);
    }

    private <T> void until(String what, Supplier<T> look, Predicate<T> enough) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        T there = look.get();
        while (!enough.test(there)) {
            assertThat(System.nanoTime())
                    .as("waited for: %s; there is: %s", what, there)
                    .isLessThan(end);
            pause();
            there = look.get();
        }
    }

    /**
     * The page did nothing behind anyone's back: all requests went to its own server, and the console is empty but for
     * the answers with these statuses.
     */
    void assertQuiet(String address, int... statuses) {
        driver.manage().logs().get(LogType.PERFORMANCE).forEach(entry -> asked.addAll(requestOf(entry.getMessage())));
        driver.manage().logs().get(LogType.BROWSER).forEach(entry -> complaints.add(entry.getMessage()));
        assertThat(asked).allMatch(url -> url.startsWith(address) || url.startsWith("data:"));
        assertThat(complaints)
                .allMatch(complaint -> Arrays.stream(statuses)
                        .anyMatch(status -> complaint.contains("responded with a status of " + status + " ")));
        asked.clear();
        complaints.clear();
    }

    /** The window as a PNG. */
    byte[] picture() {
        return driver.getScreenshotAs(OutputType.BYTES);
    }

    /** Forgets those complaints that a test has caused on purpose. */
    void dropComplaints(String containing) {
        driver.manage().logs().get(LogType.BROWSER).forEach(entry -> complaints.add(entry.getMessage()));
        assertThat(complaints).anyMatch(complaint -> complaint.contains(containing));
        complaints.removeIf(complaint -> complaint.contains(containing));
    }

    private static void pause() {
        try {
            Thread.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private static List<String> requestOf(String event) {
        try {
            JsonNode message = new ObjectMapper().readTree(event).path("message");
            return message.path("method").asText().equals("Network.requestWillBeSent")
                    ? List.of(message.at("/params/request/url").asText())
                    : List.of();
        } catch (IOException e) {
            throw new AssertionError(event, e);
        }
    }

    @Override
    public void close() {
        driver.quit();
    }
}
