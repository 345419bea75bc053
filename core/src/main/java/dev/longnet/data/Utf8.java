package dev.longnet.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/** Tells text from other bytes and finds places to cut it. */
final class Utf8 {
    private Utf8() {}

    /** Whether the bytes are valid UTF-8 without NUL. */
    static boolean isText(byte[] bytes) {
        boolean ascii = true;
        for (byte b : bytes) {
            if (b == 0) {
                return false;
            }
            ascii &= b > 0;
        }
        return ascii || isValid(bytes);
    }

    private static boolean isValid(byte[] bytes) {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer rest = ByteBuffer.wrap(bytes);
        CharBuffer characters = CharBuffer.allocate(1 << 13);
        CoderResult result;
        do {
            result = decoder.decode(rest, characters.clear(), true);
        } while (result.isOverflow());
        return result.isUnderflow();
    }

    /** The start of the character that the byte at {@code position} belongs to. */
    static int characterStart(byte[] text, int position) {
        int start = position;
        while (start > 0 && start < text.length && (text[start] & 0xC0) == 0x80) {
            start--;
        }
        return start;
    }
}
