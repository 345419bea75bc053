package dev.longnet.spark;

/** A rank cannot run as it was asked to, and another attempt would not change that. */
final class RefusedException extends RankFailedException {
    private final int exitCode;

    /** @param exitCode what the command line ends with: 2 for a wrong call, 1 for any other reason */
    RefusedException(String message, int exitCode) {
        super(message);
        this.exitCode = exitCode;
    }

    int exitCode() {
        return exitCode;
    }
}
