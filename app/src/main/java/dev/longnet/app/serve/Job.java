package dev.longnet.app.serve;

/** Work that the model's thread does in slices, in turn with that of others. Slices and ends are all on that thread. */
interface Job {
    /** Does the next slice, a fraction of a second; returns whether there are more. */
    boolean advance();

    /** Texts that it has not begun yet, or 1 for other work: how much of the server it takes. */
    default int weight() {
        return 1;
    }

    /** Whether nobody waits for it any more. Asked between slices. */
    boolean abandoned();

    /** A slice has failed; there will be no other. */
    void failed(Throwable cause);

    /** The last call: frees what it holds. Texts that it has given to the {@link Engine} are theirs. */
    void close();
}
