package dev.longnet.app.serve;

/** There is more to do than the server takes on; the same request may succeed later. */
final class BusyException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BusyException(String message) {
        super(message);
    }
}
