package dev.longnet.data;

/** Hears how far a long job has come. */
@FunctionalInterface
public interface Progress {
    /** Says nothing to anybody. */
    Progress NONE = (done, total) -> {};

    /** {@code done} of {@code total} bytes of input files are read. */
    void update(long done, long total);
}
