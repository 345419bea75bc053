package dev.longnet.data;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What stands behind the tokens of a token file: its documents and what the corpus was. A document is its first token
 * (8 bytes), the length of its name (4) and the name in UTF-8; the summary as JSON is the rest.
 *
 * @param starts first token of each document
 */
record TokenIndex(long[] starts, String[] names, Corpus.Summary summary) {
    private static final JsonMapper JSON = new JsonMapper();

    static byte[] encode(List<Long> starts, List<String> names, Corpus.Summary summary) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        for (int i = 0; i < starts.size(); i++) {
            byte[] name = names.get(i).getBytes(StandardCharsets.UTF_8);
            out.writeLong(starts.get(i));
            out.writeInt(name.length);
            out.write(name);
        }
        out.write(JSON.writeValueAsBytes(summary));
        return bytes.toByteArray();
    }

    static TokenIndex decode(byte[] bytes, int documents) throws IOException {
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
        long[] starts = new long[documents];
        String[] names = new String[documents];
        for (int i = 0; i < documents; i++) {
            starts[i] = in.readLong();
            names[i] = new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
        }
        return new TokenIndex(starts, names, JSON.readValue(in.readAllBytes(), Corpus.Summary.class));
    }
}
