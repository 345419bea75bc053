package dev.longnet.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Small sources to test with. */
final class TestFiles {
    private TestFiles() {}

    static Path write(Path file, byte[] content) {
        try {
            Files.createDirectories(file.getParent());
            return Files.write(file, content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Path write(Path file, String text) {
        return write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    static Path zip(Path file, Map<String, byte[]> entries) throws IOException {
        Files.createDirectories(file.getParent());
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
                zip.closeEntry();
            }
        }
        return file;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static DataConfig config(Path... sources) {
        return DataConfig.defaults()
                .withSources(Arrays.stream(sources).map(Path::toString).toList());
    }

    static DataConfig config(String source) {
        return DataConfig.defaults().withSources(List.of(source));
    }

    static DataConfig withMaxFileBytes(DataConfig config, long bytes) {
        return new DataConfig(
                config.sources(), config.tokenizer(), config.textField(), config.heldOut(), bytes, config.seed());
    }
}
