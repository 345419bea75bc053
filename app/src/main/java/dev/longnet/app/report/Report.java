package dev.longnet.app.report;

import dev.longnet.LongNetException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

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
        String page = new Page(RunFolder.read(runFolder)).html();
        Path report = runFolder.resolve("report.html");
        Path beside = runFolder.resolve("report.html.new");
        try {
            try {
                Files.write(beside, page.getBytes(StandardCharsets.UTF_8));
                return Files.move(beside, report, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(beside);
            }
        } catch (IOException e) {
            throw new LongNetException(
                    e, "\"%s\" cannot be written (%s); make its folder writable or free some space", report, reason(e));
        }
    }

    /** Why a file could not be used, without its path: "No space left on device", "AccessDenied". */
    static String reason(IOException e) {
        if (e instanceof FileSystemException file) {
            return file.getReason() != null
                    ? file.getReason()
                    : e.getClass().getSimpleName().replace("Exception", "");
        }
        return e.getMessage();
    }
}
