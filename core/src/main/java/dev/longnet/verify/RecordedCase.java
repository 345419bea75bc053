package dev.longnet.verify;

import dev.longnet.LongNetException;
import dev.longnet.io.SafetensorsFile;
import dev.longnet.tensor.TensorFile;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** A recorded case's tensors and metadata, with errors that name the file. */
record RecordedCase(SafetensorsFile file) {
    /** A tensor of the case, on the host in its recorded type. */
    Tensor tensor(String name) {
        SafetensorsFile.Entry entry = file.entries().get(name);
        if (entry == null) {
            throw new LongNetException("%s has no tensor \"%s\", so it is no case of its kind", file.path(), name);
        }
        return TensorFile.read(file, entry);
    }

    boolean has(String name) {
        return file.entries().containsKey(name);
    }

    /** All tensors but those named. */
    Map<String, Tensor> allBut(String... names) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (String name : file.entries().keySet()) {
            if (!Arrays.asList(names).contains(name)) {
                tensors.put(name, tensor(name));
            }
        }
        return tensors;
    }

    String metadata(String key) {
        String value = file.metadata().get(key);
        if (value == null) {
            throw new LongNetException("%s has no metadata \"%s\", so it is no case of its kind", file.path(), key);
        }
        return value;
    }
}
