package dev.longnet.data;

import static dev.longnet.Checks.requireArgument;

/** A token is a byte. Text holds no byte 0 (a file with one is binary), so it is free to end documents. */
record ByteTokenizer() implements Tokenizer {
    private static final int VOCABULARY = 256;

    @Override
    public String name() {
        return "bytes";
    }

    @Override
    public int vocabulary() {
        return VOCABULARY;
    }

    @Override
    public int endOfDocument() {
        return 0;
    }

    @Override
    public int[] encode(byte[] utf8) {
        int[] tokens = new int[utf8.length];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = utf8[i] & 0xff;
        }
        return tokens;
    }

    @Override
    public byte[] decode(int[] tokens) {
        byte[] bytes = new byte[tokens.length];
        for (int i = 0; i < bytes.length; i++) {
            requireArgument(
                    tokens[i] >= 0 && tokens[i] < VOCABULARY, "token %d is not in the vocabulary [0, 256)", tokens[i]);
            bytes[i] = (byte) tokens[i];
        }
        return bytes;
    }
}
