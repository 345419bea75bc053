package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FileErrorsTest {
    static Stream<Arguments> reasons() {
        return Stream.of(
                arguments(new NoSuchFileException("a"), "it does not exist"),
                arguments(new AccessDeniedException("a"), "permission denied"),
                arguments(new NotDirectoryException("a"), "it is not a folder"),
                arguments(new FileAlreadyExistsException("a"), "a is in the way"),
                arguments(new MalformedInputException(1), "it is not UTF-8 text"),
                arguments(new ClosedChannelException(), "it was closed while in use"),
                arguments(new ClosedByInterruptException(), "it was closed while in use"),
                arguments(new FileSystemException("a", null, "Is a directory"), "Is a directory"),
                arguments(new FileSystemException("a"), "a"),
                arguments(new IOException("No space left on device"), "No space left on device"),
                arguments(new IOException(), "IOException"));
    }

    @ParameterizedTest
    @MethodSource("reasons")
    void saysWhyWithoutTheException(IOException cause, String expected) {
        assertThat(FileErrors.reason(cause)).isEqualTo(expected);
    }

    @Test
    void namesTheFileAndKeepsTheCause() {
        IOException cause = new IOException("100% broken");
        Path file = Path.of("a %s.txt");
        assertThat(FileErrors.reading(file, cause))
                .hasMessage("cannot read a %s.txt: 100% broken")
                .hasCause(cause);
        assertThat(FileErrors.writing(file, cause))
                .hasMessage("cannot write a %s.txt: 100% broken")
                .hasCause(cause);
    }
}
