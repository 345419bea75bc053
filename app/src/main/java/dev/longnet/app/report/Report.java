package dev.longnet.app.report;

import dev.longnet.LongNetException;
import dev.longnet.io.AtomicFiles;
import dev.longnet.train.RunFolder;
import java.nio.file.Path;

/**
 * Writes what a run did as one self-contained page, {@code report.html} in its folder.
 *
 * <p>It shows what is there: {@code config.yaml}, {@code run.json}, {@code metrics.jsonl}, {@code eval.json} and
 * {@code sample.json}. What is missing or damaged is said on the page, so a running or broken run can be looked at too.
 */
public final class Report {
    private Report() {}

    /**
     * Writes the page, in the place of an older one.
     *
     * @param runFolder folder of a training run
     * @return the file written
     * @throws LongNetException if there is no such folder or the page cannot be written
     */
    public static Path write(Path runFolder) {
        RunFolder run = new RunFolder(runFolder);
        AtomicFiles.writeString(run.report(), new Page(RunContents.read(run)).html());
        return run.report();
    }
}
