package dev.longnet.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DatabindException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.longnet.LongNetException;
import dev.longnet.io.SafetensorsFile.Entry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The header of a safetensors file, checked.
 *
 * <p>The file is hostile until shown otherwise: no number of it is used as a size before it is compared with the
 * file's own length. The rules are those of the format: names are unique, bytes = product of the shape × bytes an
 * element, and the tensors cover the data exactly once, without a hole, an overlap or a rest.
 */
record SafetensorsHeader(long dataStart, Map<String, String> metadata, Map<String, Entry> entries) {
    /** Longest header in bytes, the limit of the format. */
    static final int LIMIT = 100_000_000;

    static final String METADATA = "__metadata__";
    private static final int PREFIX = Long.BYTES;
    private static final int SHOWN = 100;

    // The header's own limit bounds names and notes; Jackson's lower ones would refuse files that others accept.
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNameLength(LIMIT)
                            .maxStringLength(LIMIT)
                            .build())
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .build();

    /** Reads and checks the header of an open file. */
    static SafetensorsHeader read(Path path, FileChannel channel) throws IOException {
        long size = channel.size();
        require(size >= PREFIX, path, "has %s and a safetensors file starts with an 8-byte header length", bytes(size));
        ByteBuffer prefix = ByteBuffer.allocate(PREFIX).order(ByteOrder.LITTLE_ENDIAN);
        SafetensorsFile.readFully(channel, 0, prefix);
        long length = prefix.getLong(0);
        require(
                length >= 0 && length <= LIMIT,
                path,
                "says its header has %s bytes, over the format's limit of %d",
                Long.toUnsignedString(length),
                LIMIT);
        require(
                length <= size - PREFIX,
                path,
                "says its header has %d bytes but only %d follow, so the file was cut short or is of another format",
                length,
                size - PREFIX);
        ByteBuffer json = ByteBuffer.allocate((int) length);
        SafetensorsFile.readFully(channel, PREFIX, json);
        long dataStart = PREFIX + length;
        return parse(path, text(path, json.flip()), dataStart, size - dataStart);
    }

    /** The header's text; anything but UTF-8 is an error, where Jackson would guess an encoding. */
    private static CharBuffer text(Path path, ByteBuffer json) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(json);
        } catch (CharacterCodingException e) {
            throw error(path, "has a header that is not UTF-8 text");
        }
    }

    private static SafetensorsHeader parse(Path path, CharBuffer json, long dataStart, long dataBytes)
            throws IOException {
        require(json.length() > 0 && json.get(0) == '{', path, "has a header that is not a JSON object");
        Map<String, String> metadata = new LinkedHashMap<>();
        List<Entry> entries = new ArrayList<>();
        try (JsonParser parser = JSON.createParser(json.array(), 0, json.length())) {
            try {
                readObject(path, parser, metadata, entries);
            } catch (JsonProcessingException e) {
                long place = parser.currentLocation().getCharOffset();
                throw error(path, "has a header that is not JSON near character %d", place);
            }
        }
        return new SafetensorsHeader(
                dataStart, Collections.unmodifiableMap(metadata), covering(path, entries, dataBytes));
    }

    private static void readObject(Path path, JsonParser parser, Map<String, String> metadata, List<Entry> entries)
            throws IOException {
        Set<String> names = new HashSet<>();
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            require(names.add(name), path, "names tensor \"%s\" twice", name);
            parser.nextToken();
            JsonNode value = value(path, name, parser);
            if (name.equals(METADATA)) {
                readMetadata(path, value, metadata);
            } else {
                entries.add(readEntry(path, name, value));
            }
        }
        require(parser.nextToken() == null, path, "has more in its header than one JSON object");
    }

    private static JsonNode value(Path path, String name, JsonParser parser) throws IOException {
        try {
            return parser.readValueAsTree();
        } catch (DatabindException e) {
            throw error(path, "has a key twice in its description of \"%s\"", name);
        }
    }

    private static void readMetadata(Path path, JsonNode value, Map<String, String> metadata) {
        require(value.isObject(), path, "has a %s that is not a JSON object", METADATA);
        value.properties().forEach(note -> {
            require(note.getValue().isTextual(), path, "has a %s \"%s\" that is not text", METADATA, note.getKey());
            metadata.put(note.getKey(), note.getValue().textValue());
        });
    }

    private static Entry readEntry(Path path, String name, JsonNode value) {
        require(value.isObject(), path, "describes tensor \"%s\" by something other than a JSON object", name);
        JsonNode typeName = value.path("dtype");
        require(typeName.isTextual(), path, "gives tensor \"%s\" no dtype", name);
        ElementType type = ElementType.named(typeName.textValue())
                .orElseThrow(() -> error(
                        path,
                        "has tensor \"%s\" of dtype %s and only %s are read",
                        name,
                        typeName,
                        Arrays.toString(ElementType.values())));
        JsonNode dimensions = value.path("shape");
        require(dimensions.isArray(), path, "gives tensor \"%s\" no shape", name);
        JsonNode offsets = value.path("data_offsets");
        require(
                offsets.isArray() && offsets.size() == 2 && isSize(offsets.get(0)) && isSize(offsets.get(1)),
                path,
                "gives tensor \"%s\" no data_offsets of two sizes in bytes",
                name);
        long begin = offsets.get(0).longValue();
        long end = offsets.get(1).longValue();
        require(begin <= end, path, "ends tensor \"%s\" at byte %d before its begin %d", name, end, begin);
        long[] shape = new long[dimensions.size()];
        for (int i = 0; i < shape.length; i++) {
            JsonNode dimension = dimensions.get(i);
            require(isSize(dimension), path, "gives tensor \"%s\" the dimension %s, not a size", name, dimension);
            shape[i] = dimension.longValue();
        }
        long bytes = bytes(path, name, type, shape);
        require(
                bytes == end - begin,
                path,
                "gives tensor \"%s\" %d bytes but its shape %s of %s needs %d",
                name,
                end - begin,
                dimensions,
                type,
                bytes);
        return new Entry(name, type, shape, begin, end);
    }

    private static boolean isSize(JsonNode number) {
        return number.isIntegralNumber() && number.canConvertToLong() && number.longValue() >= 0;
    }

    private static long bytes(Path path, String name, ElementType type, long[] shape) {
        try {
            return SafetensorsWriter.bytes(type, shape);
        } catch (ArithmeticException e) {
            throw error(path, "gives tensor \"%s\" a shape of more bytes than a 64-bit number counts", name);
        }
    }

    /** The entries in the order of their bytes, once they are shown to cover [0, dataBytes) exactly. */
    private static Map<String, Entry> covering(Path path, List<Entry> entries, long dataBytes) {
        entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        Map<String, Entry> byName = new LinkedHashMap<>();
        long covered = 0;
        for (Entry entry : entries) {
            require(entry.begin() >= covered, path, "has tensor \"%s\" overlap the one before it", entry.name());
            require(
                    entry.begin() == covered,
                    path,
                    "has a hole of %s before tensor \"%s\"",
                    bytes(entry.begin() - covered),
                    entry.name());
            require(
                    entry.end() <= dataBytes,
                    path,
                    "ends %s before the end of tensor \"%s\", so the file was cut short",
                    bytes(entry.end() - dataBytes),
                    entry.name());
            covered = entry.end();
            byName.put(entry.name(), entry);
        }
        require(covered == dataBytes, path, "has %s after its last tensor", bytes(dataBytes - covered));
        return Collections.unmodifiableMap(byName);
    }

    private static String bytes(long count) {
        return count == 1 ? "1 byte" : count + " bytes";
    }

    private static void require(boolean rule, Path path, String message, Object... values) {
        if (!rule) {
            throw error(path, message, values);
        }
    }

    private static LongNetException error(Path path, String message, Object... values) {
        Object[] shown = Stream.of(values)
                .map(value -> value instanceof Number ? value : shown(value.toString()))
                .toArray();
        return new LongNetException("safetensors file %s %s", path, String.format(Locale.ROOT, message, shown));
    }

    /** Text of the file as a message can carry it: not too long, and nothing that would act on a terminal. */
    private static String shown(String text) {
        String start = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "…";
        return start.replaceAll("\\p{C}", "?");
    }
}
