package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.LongNetException;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The documents of some sources, read as they are visited.
 *
 * <p>Sources come in the order of the configuration. Inside a folder or archive the files of one folder follow each
 * other by name ({@link NameOrder}), so a long context sees whole projects. Archives inside folders are read too. A
 * {@code .jsonl} file that is named itself or by a glob gives a document a line; inside a folder it is text. Hidden
 * files and the {@code META-INF} folders of jars are left out.
 */
public final class Corpus {
    private final DataConfig config;
    private final List<Source> sources;
    private final SkipCounter missed;

    private Corpus(DataConfig config, List<Source> sources, SkipCounter missed) {
        this.config = config;
        this.sources = sources;
        this.missed = missed;
    }

    /**
     * What a corpus holds.
     *
     * @param documents number of its documents
     * @param bytes their length together
     * @param skipped what was left out, by reason
     */
    public record Summary(long documents, long bytes, Map<Skipped, Skips> skipped) {
        public Summary {
            Map<Skipped, Skips> ordered = new EnumMap<>(Skipped.class);
            ordered.putAll(skipped);
            skipped = Collections.unmodifiableMap(ordered);
        }

        /** What was left out and why, such as {@code 2 empty (such as a/b.txt), 1 hidden (a/.git)}; may be empty. */
        public String describeSkipped() {
            return skipped.entrySet().stream()
                    .map(entry -> entry.getValue().describe(entry.getKey()))
                    .collect(Collectors.joining(", "));
        }
    }

    /**
     * Files left out for one reason.
     *
     * @param count how many
     * @param example name of the first
     */
    public record Skips(long count, String example) {
        private String describe(Skipped reason) {
            return count + " " + reason.label() + (count == 1 ? " (" : " (such as ") + example + ")";
        }
    }

    /**
     * Finds the files of {@code config.sources()}; reads none of them yet.
     *
     * @throws IllegalArgumentException if there are no sources
     * @throws LongNetException if a source does not exist or holds no file
     */
    public static Corpus open(DataConfig config) {
        requireArgument(
                !config.sources().isEmpty(),
                "data.sources is empty; name a folder, a zip or jar archive, a file, a glob or a .jsonl file");
        SkipCounter skips = new SkipCounter();
        SourceFinder finder = new SourceFinder(skips);
        config.sources().forEach(finder::add);
        Corpus corpus = new Corpus(config, List.copyOf(finder.found()), skips);
        corpus.requireDocuments(corpus.sources.size(), skips);
        return corpus;
    }

    /** Every file that is read, in order. */
    public List<InputFile> inputs() {
        return sources.stream().map(Source::input).toList();
    }

    /** Every file that is read, with its name in the corpus. */
    List<Source> sources() {
        return sources;
    }

    /** Visits every document, one at a time and in the same order each time. */
    public Summary forEach(Consumer<Document> visitor) {
        return forEach(visitor, Progress.NONE);
    }

    /**
     * Visits every document, one at a time and in the same order each time.
     *
     * @throws LongNetException if there is none, or a line of a {@code .jsonl} file is not an object with the text field
     */
    public Summary forEach(Consumer<Document> visitor, Progress progress) {
        SkipCounter skips = new SkipCounter(missed);
        long[] documentsAndBytes = new long[2];
        SourceReader reader = new SourceReader(config, skips, document -> {
            documentsAndBytes[0]++;
            documentsAndBytes[1] += document.text().length;
            visitor.accept(document);
        });
        long total = sources.stream().mapToLong(source -> source.input().size()).sum();
        long done = 0;
        for (Source source : sources) {
            long before = done;
            reader.read(source, bytes -> progress.update(before + bytes, total));
            done += source.input().size();
            progress.update(done, total);
        }
        requireDocuments(documentsAndBytes[0], skips);
        return new Summary(documentsAndBytes[0], documentsAndBytes[1], skips.counts());
    }

    private void requireDocuments(long documents, SkipCounter skips) {
        if (documents == 0) {
            String skipped = new Summary(0, 0, skips.counts()).describeSkipped();
            throw new LongNetException(
                    "%s %s no text%s; name sources with UTF-8 text or raise data.maxFileBytes (now %d)",
                    String.join(", ", config.sources()),
                    config.sources().size() == 1 ? "holds" : "hold",
                    skipped.isEmpty() ? "" : " (skipped: " + skipped + ")",
                    config.maxFileBytes());
        }
    }
}
