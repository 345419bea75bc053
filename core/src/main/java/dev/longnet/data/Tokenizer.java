package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Turns text into token numbers 0 … vocabulary − 1 and back. Safe for use by several threads. */
public interface Tokenizer {
    /** Names that {@link #of} knows. */
    List<String> NAMES = List.of("bytes", "cl100k_base", "o200k_base");

    /** The name it was made by. */
    String name();

    /** Number of tokens V; every token is below it. */
    int vocabulary();

    /** The token that stands after each document and never inside one. */
    int endOfDocument();

    /**
     * The tokens of a text. Text that looks like a special token ({@code <|endoftext|>}) is only text.
     *
     * @param utf8 the text; what is not UTF-8 stays as it is with {@code bytes} and becomes U+FFFD otherwise
     */
    int[] encode(byte[] utf8);

    /**
     * The bytes of some tokens, which may begin or end inside a character. A token without text gives U+FFFD.
     *
     * @throws IllegalArgumentException if a token is not in the vocabulary
     */
    byte[] decode(int[] tokens);

    /** The tokens of a text. */
    default int[] encode(String text) {
        return encode(text.getBytes(StandardCharsets.UTF_8));
    }

    /** The text of some tokens; bytes that are not UTF-8 become U+FFFD. */
    default String decodeText(int[] tokens) {
        return new String(decode(tokens), StandardCharsets.UTF_8);
    }

    /**
     * The tokenizer of a name: {@code bytes} (256 tokens, one a byte) or OpenAI's {@code cl100k_base} or
     * {@code o200k_base}.
     *
     * @throws IllegalArgumentException for another name
     */
    static Tokenizer of(String name) {
        requireArgument(
                NAMES.contains(name), "tokenizer \"%s\" is not known; use one of %s", name, String.join(", ", NAMES));
        return name.equals("bytes") ? new ByteTokenizer() : BytePairTokenizer.of(name);
    }
}
