package dev.longnet.app;

import dev.longnet.app.report.Report;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code longnet report}: one page that shows a run. */
@Command(name = "report", description = "Writes report.html, one self-contained page that shows a run.")
final class ReportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Run folder, such as runs/x.")
    private Path run;

    @Mixin
    private OutputOptions options;

    @Override
    public Integer call() {
        Output output = options.output();
        Path page = Report.write(run);
        output.say("%s", page);
        output.json(Map.of("report", page.toString()));
        return 0;
    }
}
