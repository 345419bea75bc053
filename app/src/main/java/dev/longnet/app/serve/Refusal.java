package dev.longnet.app.serve;

/** A request that is answered with an error of its own doing. */
final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int status;
    private final String parameter;

    /**
     * @param status of HTTP
     * @param parameter name of the field that is wrong, or null
     */
    Refusal(int status, String parameter, String message) {
        super(message);
        this.status = status;
        this.parameter = parameter;
    }

    /** A field with a wrong value. */
    static Refusal of(String parameter, String message) {
        return new Refusal(400, parameter, message);
    }

    int status() {
        return status;
    }

    String parameter() {
        return parameter;
    }
}
