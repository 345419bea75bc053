package dev.longnet.app.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.longnet.InvalidArgumentException;
import dev.longnet.app.Failures;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A failure as a client is told of it, in OpenAI's form.
 *
 * @param status of HTTP
 */
record Errors(int status, String type, String parameter, String message) {
    static Errors of(Throwable cause) {
        if (cause instanceof Refusal refusal) {
            String type = refusal.status() == 401 ? "authentication_error" : "invalid_request_error";
            return new Errors(refusal.status(), type, refusal.parameter(), refusal.getMessage());
        }
        if (cause instanceof BusyException) {
            return new Errors(429, "rate_limit_error", null, cause.getMessage());
        }
        if (cause instanceof StoppingException) {
            return new Errors(503, "server_error", null, cause.getMessage());
        }
        if (cause instanceof JsonProcessingException json) {
            return new Errors(
                    400, "invalid_request_error", null, "the body is not valid JSON: " + json.getOriginalMessage());
        }
        if (cause instanceof InvalidArgumentException) {
            return new Errors(400, "invalid_request_error", null, cause.getMessage());
        }
        return new Errors(500, "server_error", null, Failures.sentence(cause));
    }

    /** The body of the answer. */
    Map<String, Object> body() {
        Map<String, Object> error = new LinkedHashMap<>();
        error.put("message", message);
        error.put("type", type);
        error.put("param", parameter);
        error.put("code", null);
        return Map.of("error", error);
    }
}
