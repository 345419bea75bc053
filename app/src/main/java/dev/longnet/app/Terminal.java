package dev.longnet.app;

/**
 * What standard error is, which decides how progress is shown.
 *
 * @param kind a terminal that redraws a line, a file or pipe that takes whole lines, or nothing at all
 * @param columns characters in a line of a terminal
 */
record Terminal(Kind kind, int columns) {
    enum Kind {
        SCREEN,
        LINES,
        NONE
    }

    static final Terminal SILENT = new Terminal(Kind.NONE, 0);

    /** Set by the launcher, which can ask; columns 0 means that standard error is no terminal. */
    private static final String PROPERTY = "longnet.columns";

    static Terminal here() {
        int fallback = System.console() == null ? 0 : 80;
        int columns = Integer.getInteger(PROPERTY, fallback);
        return columns > 0 ? new Terminal(Kind.SCREEN, Math.max(40, columns)) : new Terminal(Kind.LINES, 0);
    }
}
