package dev.longnet.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * The first {@value #BYTES} bytes of a token file, little-endian: magic, version, token width, vocabulary, index CRC32C,
 * number of tokens, number of documents, bytes of the index, CRC32C of the tokens, zeros, and the CRC32C of all that. The tokens follow, then
 * the index ({@link TokenIndex}).
 *
 * @param width bytes a token takes, 1 or 4
 * @param vocabulary every token is below it
 * @param indexChecksum CRC32C of the index
 * @param checksum CRC32C of the tokens
 */
record TokenHeader(
        int width, int vocabulary, int indexChecksum, long tokens, long documents, long indexBytes, int checksum) {
    static final int BYTES = 64;

    /** LNTOKENS in ASCII. */
    private static final long MAGIC = 0x534E454B4F544E4CL;

    private static final int VERSION = 2;

    /** Bytes a token takes: one where every token fits into it. */
    static int width(int vocabulary) {
        return vocabulary <= 256 ? 1 : 4;
    }

    long indexStart() {
        return BYTES + tokens * width;
    }

    long fileBytes() {
        return indexStart() + indexBytes;
    }

    ByteBuffer encode() {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(MAGIC).putInt(VERSION).putInt(width).putInt(vocabulary).putInt(indexChecksum);
        bytes.putLong(tokens).putLong(documents).putLong(indexBytes).putInt(checksum);
        bytes.putInt(BYTES - Integer.BYTES, checksum(bytes.array(), BYTES - Integer.BYTES));
        return bytes.rewind();
    }

    /** The header in {@code bytes}; null if they are not one, or not of this version. */
    static TokenHeader decode(ByteBuffer bytes) {
        bytes.order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.remaining() != BYTES
                || bytes.getInt(BYTES - Integer.BYTES) != checksum(bytes.array(), BYTES - Integer.BYTES)
                || bytes.getLong() != MAGIC
                || bytes.getInt() != VERSION) {
            return null;
        }
        return new TokenHeader(
                bytes.getInt(),
                bytes.getInt(),
                bytes.getInt(),
                bytes.getLong(),
                bytes.getLong(),
                bytes.getLong(),
                bytes.getInt());
    }

    static int checksum(byte[] bytes, int count) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, count);
        return (int) crc.getValue();
    }
}
