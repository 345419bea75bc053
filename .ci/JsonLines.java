import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Reads standard input and fails unless it is lines, at least one, of one JSON object each. */
class JsonLines {
    public static void main(String[] args) throws IOException {
        JsonMapper json = JsonMapper.builder()
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int count = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            count++;
            if (!json.readTree(line).isObject()) {
                throw new IOException("line " + count + " is no JSON object: " + line);
            }
        }
        if (count == 0) {
            throw new IOException("nothing was written");
        }
    }
}
