package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunLockTest {
    @TempDir
    private Path folder;

    @Test
    void oneRunAtATimeTrainsInAFolder() throws IOException {
        TinyRun tiny = new TinyRun(folder);
        tiny.train("a", false, 4, report -> {
            if (report.step() == 3) {
                assertThatThrownBy(() -> tiny.train("a", true))
                        .isInstanceOf(LongNetException.class)
                        .hasMessageContaining("another process is training in " + folder.resolve("a"));
            }
        });
        assertThat(tiny.metrics("a")).hasSize(5);
        assertThat(tiny.train("a", true)).isEqualTo(9);
    }

    @Test
    void aFolderWithoutLocksIsUsedWithoutOne() throws IOException {
        RunFolder run = new RunFolder(folder.resolve("x"));
        Files.createDirectories(run.lock());
        RunLock.take(run).close();
        RunLock.take(run).close();
        assertThat(run.lock()).isDirectory();
    }
}
