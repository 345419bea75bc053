package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingRegistry;
import com.knuddels.jtokkit.api.IntArrayList;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;

/**
 * OpenAI's byte pair encodings, by jtokkit.
 *
 * @param words tokens below this stand for pieces of text; a few above it are special and the others have no meaning
 * @param special the special tokens, written as {@code <|…|>}
 */
record BytePairTokenizer(
        String name, int vocabulary, int endOfDocument, int words, Set<Integer> special, Encoding encoding)
        implements Tokenizer {
    /** Longest piece of text in characters that is encoded at once, where the text has a safe place to cut. */
    private static final int PIECE = 1 << 16;

    private static final byte[] NO_TEXT = "\uFFFD".getBytes(StandardCharsets.UTF_8);

    /** Loading a vocabulary takes most of a second, so each is loaded once and when it is first asked for. */
    private static final EncodingRegistry ENCODINGS = Encodings.newLazyEncodingRegistry();

    static BytePairTokenizer of(String name) {
        Encoding encoding = ENCODINGS.getEncoding(name).orElseThrow();
        return name.equals("cl100k_base")
                ? new BytePairTokenizer(
                        name, 100277, 100257, 100256, Set.of(100257, 100258, 100259, 100260, 100276), encoding)
                : new BytePairTokenizer(name, 200019, 199999, 199998, Set.of(199999, 200018), encoding);
    }

    @Override
    public int[] encode(byte[] utf8) {
        String text = new String(utf8, StandardCharsets.UTF_8);
        if (text.length() <= PIECE) {
            return encoding.encodeOrdinary(text).toArray();
        }
        int[] tokens = new int[text.length() / 2];
        int count = 0;
        for (int begin = 0; begin < text.length(); ) {
            int end = cut(text, begin + PIECE);
            int[] piece = encoding.encodeOrdinary(text.substring(begin, end)).toArray();
            if (count + piece.length > tokens.length) {
                tokens = Arrays.copyOf(tokens, Math.max(2 * tokens.length, count + piece.length));
            }
            System.arraycopy(piece, 0, tokens, count, piece.length);
            count += piece.length;
            begin = end;
        }
        return Arrays.copyOf(tokens, count);
    }

    /**
     * The first place from {@code from} on where cutting does not change the tokens: between a line's end and a letter
     * or digit, which neither encoding's pattern ever puts in one word.
     */
    private static int cut(String text, int from) {
        for (int i = from; i < text.length(); i++) {
            char next = text.charAt(i);
            boolean letterOrDigit = next < 128 && Character.isLetterOrDigit(next);
            if (letterOrDigit && text.charAt(i - 1) == '\n') {
                return i;
            }
        }
        return text.length();
    }

    @Override
    public byte[] decode(int[] tokens) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(4 * tokens.length);
        IntArrayList one = new IntArrayList(1);
        for (int token : tokens) {
            requireArgument(
                    token >= 0 && token < vocabulary, "token %d is not in the vocabulary [0, %d)", token, vocabulary);
            if (token < words || special.contains(token)) {
                one.clear();
                one.add(token);
                bytes.writeBytes(encoding.decodeBytes(one));
            } else {
                bytes.writeBytes(NO_TEXT); // A model can sample the few numbers that no token has.
            }
        }
        return bytes.toByteArray();
    }
}
