package dev.longnet.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Native memory stays flat over thousands of steps of a run, its evaluations and checkpoints included. */
class TrainerMemoryTest {
    private static final int BEGIN = 300, END = 2000;
    private static final Path STATM = Path.of("/proc/self/statm");

    @TempDir
    private Path folder;

    private long resident;
    private long pointers;
    private long bytes;

    @Test
    void staysFlat() throws IOException {
        TinyRun tiny = new TinyRun(
                folder,
                "train.steps=" + END,
                "train.length=19",
                "model.layers=1",
                "model.dropout=0.1",
                "train.recompute=true",
                "train.accumulate=2",
                "train.logEvery=100",
                "train.evalEvery=200",
                "train.checkpointEvery=500");
        tiny.train("a", false, Integer.MAX_VALUE, this::watch);
    }

    private void watch(TrainListener.Report report) {
        if (report.step() != BEGIN && report.step() != END) {
            return;
        }
        collect();
        long nowResident = resident() - resident;
        long nowPointers = Pointer.totalCount() - pointers, nowBytes = Pointer.totalBytes() - bytes;
        if (report.step() == END) {
            assertThat(nowResident).as("resident bytes").isLessThan(32 << 20);
            assertThat(nowPointers).as("pointers").isLessThan(20);
            assertThat(nowBytes).as("bytes of pointers").isLessThan(4096);
        }
        resident = nowResident;
        pointers = nowPointers;
        bytes = nowBytes;
    }

    /** Lets the collector take the hooks' Java halves, which it does some time after it is asked to. */
    private static void collect() {
        try {
            for (int i = 0; i < 10; i++) {
                System.gc();
                Thread.sleep(100);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Bytes of this process in memory; 0 where the system does not say. */
    private static long resident() {
        try {
            return Files.exists(STATM)
                    ? 4096 * Long.parseLong(Files.readString(STATM).split(" ")[1])
                    : 0;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
