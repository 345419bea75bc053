package dev.longnet.data;

/**
 * An input file and how to read it.
 *
 * @param project the project of its documents
 * @param name its name in the corpus, or what its documents' names begin with
 */
record Source(InputFile input, Kind kind, String project, String name) {
    enum Kind {
        TEXT,
        ARCHIVE,
        JSON_LINES
    }
}
