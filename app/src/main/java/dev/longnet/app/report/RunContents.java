package dev.longnet.app.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.longnet.LongNetException;
import dev.longnet.io.FileErrors;
import dev.longnet.train.RunFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a run has left in its folder so far; nothing in it is required.
 *
 * @param name name of the folder
 * @param configText {@code config.yaml} as it stands, empty if there is none
 * @param config the same, read; a missing node if there is none
 * @param run {@code run.json}, what the run was made with
 * @param metrics {@code metrics.jsonl}
 * @param evaluation {@code eval.json}
 * @param sample {@code sample.json}: prompt, completion, settings
 * @param problems a sentence for each file that is there but cannot be read
 */
record RunContents(
        String name,
        String configText,
        JsonNode config,
        JsonNode run,
        Curves metrics,
        Evaluation evaluation,
        JsonNode sample,
        List<String> problems) {
    // A loss that is no longer finite is written as NaN.
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .build();
    private static final ObjectMapper YAML = new YAMLMapper();

    static RunContents read(RunFolder run) {
        if (!Files.isDirectory(run.path())) {
            throw new LongNetException(
                    "\"%s\" is not a folder; give the folder that a training run wrote, such as runs/quickstart",
                    run.path());
        }
        if (Stream.of(run.config(), run.runInfo(), run.metrics(), run.evaluation(), run.sample())
                .noneMatch(Files::exists)) {
            throw new LongNetException(
                    "%s holds no run; give the folder that a training run wrote, such as runs/quickstart", run.path());
        }
        return new Reader(run).read();
    }

    private static final class Reader {
        private final RunFolder run;
        private final List<String> problems = new ArrayList<>();

        Reader(RunFolder run) {
            this.run = run;
        }

        RunContents read() {
            String config = text(run.config());
            return new RunContents(
                    String.valueOf(run.path().toAbsolutePath().normalize().getFileName()),
                    config,
                    tree(YAML, run.config(), config),
                    tree(JSON, run.runInfo(), text(run.runInfo())),
                    metrics(text(run.metrics())),
                    Evaluation.of(tree(JSON, run.evaluation(), text(run.evaluation()))),
                    tree(JSON, run.sample(), text(run.sample())),
                    problems);
        }

        /** The file's text, empty if there is none. */
        private String text(Path file) {
            if (!Files.exists(file)) {
                return "";
            }
            try {
                // Bytes that are no UTF-8 become replacement characters, rather than an error.
                return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            } catch (IOException e) {
                problems.add(file.getFileName() + " cannot be read (" + FileErrors.reason(e) + ").");
                return "";
            }
        }

        private JsonNode tree(ObjectMapper mapper, Path file, String text) {
            if (text.isBlank()) {
                return MissingNode.getInstance();
            }
            try {
                return mapper.readTree(text);
            } catch (JsonProcessingException e) {
                String line = e.getLocation() == null
                        ? ""
                        : " in line " + e.getLocation().getLineNr();
                problems.add(file.getFileName() + " is damaged" + line + " and left out.");
                return MissingNode.getInstance();
            }
        }

        private Curves metrics(String text) {
            Curves metrics = new Curves();
            String[] lines = text.split("\n");
            int damaged = 0;
            for (int i = 0; i < lines.length; i++) {
                try {
                    metrics.add(JSON.readTree(lines[i]));
                } catch (JsonProcessingException e) {
                    // A crash cuts the last line off; that is no damage.
                    damaged += i < lines.length - 1 ? 1 : 0;
                }
            }
            if (damaged > 0) {
                problems.add(
                        "metrics.jsonl is damaged in " + damaged + (damaged == 1 ? " line" : " lines") + ", left out.");
            }
            return metrics;
        }
    }
}
