package dev.longnet.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.longnet.LongNetException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The texts of a {@code .jsonl} file: one JSON object a line, blank lines apart. */
final class JsonLines {
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxStringLength(Integer.MAX_VALUE)
                            .build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Path path;
    private final InputStream stream;
    private final String field;
    private final int limit;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private boolean tooLong;
    private long number;
    private long bytesRead;

    /** {@code limit} is the number of bytes of a line above which it is passed over. */
    JsonLines(Path path, InputStream stream, String field, int limit) {
        this.path = path;
        this.stream = stream;
        this.field = field;
        this.limit = limit;
    }

    /** Goes to the next line that is not blank; false at the end of the file. */
    boolean advance() throws IOException {
        boolean blank = true;
        int next = 0;
        while (blank && next >= 0) {
            line.reset();
            tooLong = false;
            number++;
            for (next = stream.read(); next >= 0 && next != '\n'; next = stream.read()) {
                bytesRead++;
                blank &= Character.isWhitespace(next);
                tooLong |= line.size() == limit;
                if (!tooLong) {
                    line.write(next);
                }
            }
            bytesRead++;
        }
        return !blank;
    }

    /** Number of the line, from 1. */
    long number() {
        return number;
    }

    /** Whether the line is over the limit, so that its text is not known. */
    boolean isTooLong() {
        return tooLong;
    }

    long bytesRead() {
        return bytesRead;
    }

    /** The text of the line in UTF-8. */
    byte[] text() throws IOException {
        JsonNode object;
        try {
            object = JSON.readTree(line.toByteArray());
        } catch (JsonProcessingException e) {
            throw new LongNetException(
                    e, "line %d of %s is not JSON: %s; mend or remove it", number, path, e.getOriginalMessage());
        }
        if (!object.isObject()) {
            throw new LongNetException(
                    "line %d of %s is not a JSON object; a .jsonl file needs one object a line", number, path);
        }
        JsonNode text = object.get(field);
        if (text == null) {
            List<String> fields = new ArrayList<>();
            object.fieldNames().forEachRemaining(fields::add);
            throw new LongNetException(
                    "line %d of %s has no field \"%s\" but %s; set data.textField to the one that holds the text",
                    number, path, field, fields.isEmpty() ? "none" : String.join(", ", fields));
        }
        if (!text.isTextual()) {
            throw new LongNetException(
                    "field \"%s\" in line %d of %s is not text; set data.textField to the one that holds the text",
                    field, number, path);
        }
        return text.textValue().getBytes(StandardCharsets.UTF_8);
    }
}
