package dev.longnet.read;

import dev.longnet.InvalidArgumentException;
import dev.longnet.LongNetException;
import dev.longnet.io.SafetensorsFile;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Parameters;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.TensorFile;
import dev.longnet.tensor.Tensors;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.bytedeco.pytorch.Tensor;

/**
 * What a model has read of a text, in a safetensors file: of every layer and branch the rows that later tokens see, so that
 * a text is read once and gone on from many times, on any device.
 *
 * <p>Metadata: {@code format}, {@code position}, {@code pattern}, {@code model} (a checksum of the weights), {@code
 * checksum} (CRC32C of all rows and their names) and the notes of whoever read the text.
 */
public final class StateFile {
    private static final String FORMAT = "longnet-state-1";

    private final LongNetDecoder model;
    private final String modelChecksum;

    /** @param model that reads, with the weights that it has now */
    public StateFile(LongNetDecoder model) {
        this.model = model;
        try (Scope scope = new Scope()) {
            modelChecksum = checksum(Parameters.of(model));
        }
    }

    /**
     * Writes a session's state, beside the target and then renamed.
     *
     * @param notes more metadata, under other names than those above
     * @throws LongNetException if it cannot be written
     */
    public void save(Path path, LongNetDecoder.Session session, Map<String, String> notes) {
        try (Scope scope = new Scope()) {
            Map<String, Tensor> rows = new LinkedHashMap<>();
            session.rows().forEach((name, tensor) -> rows.put(name, tensor.cpu().contiguous()));
            Map<String, String> metadata = new LinkedHashMap<>(notes);
            metadata.put("format", FORMAT);
            metadata.put("position", Long.toString(session.position()));
            metadata.put("pattern", model.config().pattern().toString());
            metadata.put("model", modelChecksum);
            metadata.put("checksum", checksum(rows));
            TensorFile.save(path, metadata, rows);
        }
    }

    /**
     * Lets a session go on from a state.
     *
     * @return the notes it was saved with
     * @throws LongNetException if the file cannot be read, is damaged, or is another model's
     */
    public Map<String, String> load(Path path, LongNetDecoder.Session session) {
        Map<String, String> metadata = notes(path);
        try (Scope scope = new Scope()) {
            if (!modelChecksum.equals(metadata.get("model"))) {
                throw new LongNetException(
                        "%s is the state of another model, or of this one before it was trained further; give the model"
                                + " that has read it, or read the text again into another file",
                        path);
            }
            Map<String, Tensor> rows = TensorFile.load(path);
            if (!checksum(rows).equals(metadata.get("checksum"))) {
                throw damaged(path, "its checksum is another one", null);
            }
            rows.replaceAll((name, tensor) -> tensor.to(model.device(), Tensors.type(tensor)));
            session.restore(rows, Long.parseLong(metadata.getOrDefault("position", "")));
            return metadata;
        } catch (InvalidArgumentException | NumberFormatException e) {
            throw damaged(path, e.getMessage(), e);
        }
    }

    /**
     * A state's metadata, without its rows.
     *
     * @throws LongNetException if the file cannot be read or is no state
     */
    public static Map<String, String> notes(Path path) {
        Map<String, String> metadata;
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            metadata = new HashMap<>(file.metadata());
        }
        if (!FORMAT.equals(metadata.get("format"))) {
            throw new LongNetException(
                    "%s is not a state that \"longnet read\" has written (format %s); give such a file",
                    path, metadata.getOrDefault("format", "none"));
        }
        return metadata;
    }

    private static LongNetException damaged(Path path, String why, Throwable cause) {
        return new LongNetException(
                cause, "the state %s is damaged (%s); restore a copy of it, or read the text again", path, why);
    }

    private static String checksum(Map<String, Tensor> tensors) {
        CRC32C crc = new CRC32C();
        tensors.forEach((name, tensor) -> {
            crc.update(name.getBytes(StandardCharsets.UTF_8));
            try (Scope scope = new Scope()) {
                Tensor host = tensor.detach().cpu().contiguous();
                TensorFile.forEachPart(host, crc::update);
            }
        });
        return Long.toHexString(crc.getValue());
    }
}
