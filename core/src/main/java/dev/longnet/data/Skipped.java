package dev.longnet.data;

/** Why a file of a source is no document. */
public enum Skipped {
    BINARY("binary or not UTF-8"),
    TOO_LARGE("over the size limit"),
    EMPTY("empty"),
    UNREADABLE("unreadable"),
    HIDDEN("hidden"),
    REPEATED("named twice");

    private final String label;

    Skipped(String label) {
        this.label = label;
    }

    /** The reason as people read it. */
    public String label() {
        return label;
    }
}
