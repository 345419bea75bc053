package dev.longnet.io;

import java.io.IOException;

/** What to do with a stream or channel that may fail while it is used. */
@FunctionalInterface
public interface IoConsumer<T> {
    void accept(T target) throws IOException;
}
