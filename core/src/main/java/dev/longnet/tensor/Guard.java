package dev.longnet.tensor;

/** Something that is set for as long as this is open; closing it throws nothing. */
@FunctionalInterface
public interface Guard extends AutoCloseable {
    @Override
    void close();
}
