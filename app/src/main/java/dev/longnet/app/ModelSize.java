package dev.longnet.app;

import dev.longnet.model.LongNetConfig;

/** Number of trained values of a decoder, counted from its configuration. */
final class ModelSize {
    private ModelSize() {}

    static long parameters(LongNetConfig c) {
        long e = c.embedding(), f = c.feedForward(), kv = (long) c.keyValueHeads() * c.headDim();
        boolean subLn = c.norm() == LongNetConfig.Norm.SUBLN;
        long attention = 2 * (e * e + e) + 2 * (e * kv + kv) + (subLn ? 2 * e : 0);
        long feedForward = 2 * e * f + e + f + (subLn ? 2 * f : 0);
        long block = attention + feedForward + 4 * e;
        long table = (long) c.vocabulary() * e;
        return table * (c.tiedEmbeddings() ? 1 : 2) + c.layers() * block + 2 * e;
    }
}
