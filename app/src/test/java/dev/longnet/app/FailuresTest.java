package dev.longnet.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FailuresTest {
    private final StringWriter err = new StringWriter();

    static Stream<Arguments> failures() {
        return Stream.of(
                Arguments.of(
                        new InvalidArgumentException("steps %d; use 1", 0), 2, "steps 0; use 1 (see longnet --help)"),
                Arguments.of(
                        new java.nio.file.InvalidPathException("a*b", "Illegal char"),
                        2,
                        "Illegal char: a*b (see longnet --help)"),
                Arguments.of(
                        new IllegalArgumentException("Comparison method violates its general contract!"),
                        1,
                        "this is a mistake in longnet: IllegalArgumentException: Comparison method violates its general"
                                + " contract!; set LONGNET_DEBUG=1 for the stack trace"),
                Arguments.of(
                        new NumberFormatException("For input string: \"x\""),
                        1,
                        "this is a mistake in longnet: NumberFormatException: For input string: \"x\"; set"
                                + " LONGNET_DEBUG=1 for the stack trace"),
                Arguments.of(new LongNetException("runs/x is damaged"), 1, "runs/x is damaged"),
                Arguments.of(new NoSuchFileException("a.yaml"), 1, "a.yaml does not exist"),
                Arguments.of(new FileNotFoundException("b (No such file)"), 1, "b (No such file)"),
                Arguments.of(new AccessDeniedException("/c"), 1, "/c may not be read or written by this user"),
                Arguments.of(
                        new UncheckedIOException(new FileSystemException("/d", null, "No space left on device")),
                        1,
                        "/d: No space left on device"),
                Arguments.of(new java.nio.file.FileAlreadyExistsException("/e"), 1, "/e: FileAlreadyExists"),
                Arguments.of(new IOException(), 1, "IOException"),
                Arguments.of(
                        new RuntimeException("size mismatch\nException raised from here\nframe #0"),
                        1,
                        "libtorch: size mismatch; set LONGNET_DEBUG=1 for the stack trace"),
                Arguments.of(
                        new RuntimeException("DefaultCPUAllocator: can't allocate memory: 8 bytes\nframe #0"),
                        1,
                        "out of memory: DefaultCPUAllocator: can't allocate memory: 8 bytes; use a shorter length, a"
                                + " smaller batch or --set train.recompute=true"),
                Arguments.of(
                        new UnsatisfiedLinkError("no jnitorch in path"),
                        1,
                        "libtorch cannot be loaded: no jnitorch in path; run \"longnet doctor\" to see what is missing"),
                Arguments.of(
                        new NullPointerException(),
                        1,
                        "this is a mistake in longnet: NullPointerException: NullPointerException; set LONGNET_DEBUG=1"
                                + " for the stack trace"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void everyFailureIsOneSentenceAndACode(Throwable failure, int code, String sentence) {
        assertThat(new Failures(new PrintWriter(err), false).report(failure, null))
                .isEqualTo(code);
        assertThat(err.toString()).isEqualTo("longnet: " + sentence + System.lineSeparator());
    }

    @Test
    void aFullHeapNamesItsLimitAndTheWayOut() {
        assertThat(new Failures(new PrintWriter(err), false).report(new OutOfMemoryError("Java heap space"), null))
                .isEqualTo(1);
        assertThat(err.toString())
                .hasLineCount(1)
                .contains("Java heap space", Human.bytes(Runtime.getRuntime().maxMemory()), "LONGNET_JAVA_OPTS=-Xmx4g");
    }

    @Test
    void theTraceIsShownOnRequest() {
        new Failures(new PrintWriter(err), true).report(new LongNetException("runs/x is damaged"), null);
        assertThat(err.toString())
                .startsWith("longnet: runs/x is damaged")
                .contains("\tat dev.longnet.app.FailuresTest");
    }
}
