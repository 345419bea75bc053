package dev.longnet.data;

/** The two parts of a corpus; a document is in one of them. */
public enum Split {
    /** What a model learns from. */
    TRAIN,
    /** What it is measured on. */
    HELD_OUT;

    /** The part as people and file names write it: {@code train} or {@code held-out}. */
    public String label() {
        return this == TRAIN ? "train" : "held-out";
    }
}
