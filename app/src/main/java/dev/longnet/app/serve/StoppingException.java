package dev.longnet.app.serve;

/** The server takes on nothing any more. */
final class StoppingException extends RuntimeException {
    private static final long serialVersionUID = 1;

    StoppingException() {
        super("the server is stopping");
    }
}
