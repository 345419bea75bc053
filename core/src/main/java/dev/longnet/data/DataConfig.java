package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

import dev.longnet.config.Doc;
import java.util.List;

/** Where the text comes from and how it becomes tokens. */
@Doc("Where the text comes from and how it becomes tokens")
public record DataConfig(
        @Doc("Folders, zip or jar archives, files, globs (** crosses folders) or .jsonl files to read, in this order")
        List<String> sources,

        @Doc("How text becomes tokens: bytes, cl100k_base or o200k_base")
        String tokenizer,

        @Doc("Field of a .jsonl file's objects that holds the text")
        String textField,

        @Doc(value = "Share of the documents kept out of training, chosen by their names", unit = "fraction 0 to 1")
        double heldOut,

        @Doc(value = "Size above which a file is left out", unit = "bytes")
        long maxFileBytes,

        @Doc("Seed of the choice of held-out documents") long seed) {

    /** Largest {@code maxFileBytes}: a document and its tokens must fit into Java arrays. */
    private static final long LARGEST_FILE = 1L << 28;

    public DataConfig {
        requireArgument(sources != null, "sources are missing; give an empty list for none");
        sources = List.copyOf(sources);
        requireArgument(
                tokenizer != null && Tokenizer.NAMES.contains(tokenizer),
                "tokenizer \"%s\" is not known; use one of %s",
                tokenizer,
                String.join(", ", Tokenizer.NAMES));
        requireArgument(
                textField != null && !textField.isEmpty(), "the text field of .jsonl files needs a name, such as text");
        requireArgument(heldOut >= 0 && heldOut <= 1, "the held-out share must lie between 0 and 1, got %s", heldOut);
        requireArgument(
                maxFileBytes >= 1 && maxFileBytes <= LARGEST_FILE,
                "the largest file size must lie between 1 and %d bytes, got %d",
                LARGEST_FILE,
                maxFileBytes);
    }

    /** No sources, bytes, one document of twenty held out, files up to 1 MiB. */
    public static DataConfig defaults() {
        return new DataConfig(List.of(), "bytes", "text", 0.05, 1 << 20, 0);
    }

    /** The same with other sources. */
    public DataConfig withSources(List<String> sources) {
        return new DataConfig(sources, tokenizer, textField, heldOut, maxFileBytes, seed);
    }

    /** The same with another share of held-out documents. */
    public DataConfig withHeldOut(double heldOut) {
        return new DataConfig(sources, tokenizer, textField, heldOut, maxFileBytes, seed);
    }

    /** The same with another tokenizer. */
    public DataConfig withTokenizer(String tokenizer) {
        return new DataConfig(sources, tokenizer, textField, heldOut, maxFileBytes, seed);
    }
}
