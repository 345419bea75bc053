package dev.longnet.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
    @TempDir
    Path folder;

    @Test
    void writesAndReplaces() throws IOException {
        Path file = folder.resolve("new/folder/a.txt");
        AtomicFiles.writeString(file, "première");
        AtomicFiles.writeString(file, "zweite, länger");
        assertThat(file).content().isEqualTo("zweite, länger");
        assertThat(files(file.getParent())).containsExactly("a.txt");
    }

    @Test
    void failureLeavesTheOldFileAndNothingElse() throws IOException {
        Path file = folder.resolve("a.txt");
        AtomicFiles.writeString(file, "old");
        assertThatThrownBy(() -> AtomicFiles.write(file, stream -> {
                    stream.write(new byte[100_001]);
                    throw new IOException("no space left");
                }))
                .isInstanceOf(LongNetException.class)
                .hasMessage("cannot write " + file + ": no space left");
        assertThatThrownBy(() -> AtomicFiles.write(file, stream -> {
                    stream.write(new byte[100_001]);
                    throw new IllegalStateException("a mistake");
                }))
                .isInstanceOf(IllegalStateException.class);
        assertThat(file).content().isEqualTo("old");
        assertThat(files(folder)).containsExactly("a.txt");
    }

    @Test
    void aFolderOrAFileInTheWayIsSaid() throws IOException {
        assertThatThrownBy(() -> AtomicFiles.writeString(folder, "x"))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("it is a folder");
        Path file = Files.writeString(folder.resolve("file"), "x");
        assertThatThrownBy(() -> AtomicFiles.writeString(file.resolve("below"), "x"))
                .isInstanceOf(LongNetException.class)
                .hasMessageStartingWith("cannot write " + file.resolve("below"));
        assertThat(file).content().isEqualTo("x");
    }

    private static List<String> files(Path folder) throws IOException {
        try (Stream<Path> list = Files.list(folder)) {
            return list.map(path -> path.getFileName().toString()).toList();
        }
    }
}
