package dev.longnet.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.LongNetException;
import dev.longnet.io.AtomicFiles;
import dev.longnet.io.EventFile;
import dev.longnet.io.FileErrors;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A run's numbers by step, as JSON lines and as TensorBoard events. */
final class Metrics implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final BufferedWriter lines;
    private final EventFile events;

    /** @param step lines after it are dropped: a resumed run writes them again */
    Metrics(RunFolder run, int step) {
        file = run.metrics();
        events = EventFile.open(run.path(), step + 1);
        try {
            if (Files.exists(file)) {
                AtomicFiles.writeString(file, upTo(step));
            }
            lines = Files.newBufferedWriter(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException | LongNetException e) {
            events.close();
            throw e instanceof IOException io ? FileErrors.writing(file, io) : (LongNetException) e;
        }
    }

    private String upTo(int step) throws IOException {
        List<String> kept = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            try {
                if (JSON.readTree(line).path("step").asInt(Integer.MAX_VALUE) <= step) {
                    kept.add(line);
                }
            } catch (JsonProcessingException e) {
                break; // cut off when the run was
            }
        }
        return kept.isEmpty() ? "" : String.join("\n", kept) + "\n";
    }

    void write(int step, Map<String, Object> values) {
        try {
            lines.write(JSON.writeValueAsString(values));
            lines.newLine();
            lines.flush();
        } catch (IOException e) {
            throw FileErrors.writing(file, e);
        }
        values.forEach((name, value) -> {
            if (!name.equals("step") && value instanceof Number number) {
                events.scalar(name, step, number.doubleValue());
            }
        });
        events.flush();
    }

    @Override
    public void close() {
        try {
            lines.close();
        } catch (IOException e) {
            throw FileErrors.writing(file, e);
        } finally {
            events.close();
        }
    }
}
