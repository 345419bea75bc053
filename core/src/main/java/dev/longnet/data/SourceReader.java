package dev.longnet.data;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Reads the documents of sources and counts what is none; never holds more than one document. */
final class SourceReader {
    private final DataConfig config;
    private final SkipCounter skips;
    private final Consumer<Document> documents;

    SourceReader(DataConfig config, SkipCounter skips, Consumer<Document> documents) {
        this.config = config;
        this.skips = skips;
        this.documents = documents;
    }

    /** Reads one source; {@code consumed} hears the number of its bytes read so far. */
    void read(Source source, LongConsumer consumed) {
        try {
            switch (source.kind()) {
                case TEXT -> readText(source);
                case ARCHIVE -> readArchive(source, consumed);
                case JSON_LINES -> readJsonLines(source, consumed);
            }
        } catch (IOException e) {
            skips.add(Skipped.UNREADABLE, source.name());
        }
    }

    private void readText(Source source) throws IOException {
        try (InputStream stream = Files.newInputStream(source.input().path())) {
            document(source.project(), source.name(), source.input().size(), stream);
        }
    }

    private void readArchive(Source source, LongConsumer consumed) throws IOException {
        boolean jar = source.name().toLowerCase(Locale.ROOT).endsWith(".jar");
        try (ZipFile archive = new ZipFile(source.input().path().toFile())) {
            List<? extends ZipEntry> entries = archive.stream()
                    .filter(entry -> !entry.isDirectory())
                    .filter(entry -> !jar || !entry.getName().startsWith("META-INF/"))
                    .sorted(Comparator.comparing(ZipEntry::getName, NameOrder.INSTANCE))
                    .toList();
            long done = 0;
            for (ZipEntry entry : entries) {
                readEntry(source, archive, entry);
                done += Math.max(entry.getCompressedSize(), 0);
                consumed.accept(Math.min(done, source.input().size()));
            }
        }
    }

    private void readEntry(Source source, ZipFile archive, ZipEntry entry) {
        String name = source.name() + "!/" + entry.getName();
        if (entry.getName().startsWith(".") || entry.getName().contains("/.")) {
            skips.add(Skipped.HIDDEN, name);
            return;
        }
        try (InputStream stream = archive.getInputStream(entry)) {
            document(source.project(), name, entry.getSize(), stream);
        } catch (IOException e) {
            skips.add(Skipped.UNREADABLE, name);
        }
    }

    private void readJsonLines(Source source, LongConsumer consumed) throws IOException {
        try (InputStream file = Files.newInputStream(source.input().path())) {
            JsonLines lines = new JsonLines(
                    source.input().path(), new BufferedInputStream(file, 1 << 16), config.textField(), lineLimit());
            while (lines.advance()) {
                String name = source.name() + ":" + lines.number();
                if (lines.isTooLong()) {
                    skips.add(Skipped.TOO_LARGE, name);
                } else {
                    document(source.project(), name, lines.text());
                }
                consumed.accept(lines.bytesRead());
            }
        }
    }

    /** JSON may take six bytes for one (a control character), and the object has other fields. */
    private int lineLimit() {
        return (int) Math.min(6 * config.maxFileBytes() + (1 << 24), Integer.MAX_VALUE - 16);
    }

    /** Whatever {@code size} an archive claims, no more than the limit and a byte are read. */
    private void document(String project, String name, long size, InputStream stream) throws IOException {
        if (size > config.maxFileBytes()) {
            skips.add(Skipped.TOO_LARGE, name);
        } else {
            document(project, name, stream.readNBytes((int) config.maxFileBytes() + 1));
        }
    }

    private void document(String project, String name, byte[] text) {
        if (text.length > config.maxFileBytes()) {
            skips.add(Skipped.TOO_LARGE, name);
        } else if (text.length == 0) {
            skips.add(Skipped.EMPTY, name);
        } else if (!Utf8.isText(text)) {
            skips.add(Skipped.BINARY, name);
        } else {
            documents.accept(new Document(project, name, text));
        }
    }
}
