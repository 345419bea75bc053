package dev.longnet.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Text from tokens that come one at a time. A character whose bytes lie in several tokens is given out with the last of
 * them; bytes that cannot become one are given out as U+FFFD as soon as that is certain. At most three bytes wait.
 */
public final class TextStream {
    private final Tokenizer tokenizer;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] waiting = {};

    public TextStream(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** The characters that {@code token} completes; empty while one is incomplete. */
    public String accept(int token) {
        return decode(tokenizer.decode(new int[] {token}), false);
    }

    /** What is left at the end: empty, or U+FFFD for a character that stays incomplete. Begins a new stream. */
    public String finish() {
        String rest = decode(new byte[0], true);
        decoder.reset();
        return rest;
    }

    private String decode(byte[] more, boolean end) {
        ByteBuffer bytes = ByteBuffer.allocate(waiting.length + more.length)
                .put(waiting)
                .put(more)
                .flip();
        // UTF-8 never gives more chars than it has bytes.
        CharBuffer text = CharBuffer.allocate(bytes.remaining());
        decoder.decode(bytes, text, end);
        waiting = new byte[bytes.remaining()];
        bytes.get(waiting);
        return text.flip().toString();
    }
}
