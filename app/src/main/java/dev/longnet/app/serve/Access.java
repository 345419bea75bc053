package dev.longnet.app.serve;

import io.javalin.http.Context;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Set;

/**
 * Who may ask. With a key, whoever has it; without one, programs of this machine: a page of another site that a browser
 * shows here must not use the server, so names that could point here from outside and foreign origins are refused.
 *
 * @param key or null
 */
record Access(String key) {
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");

    /** @throws Refusal if not */
    void check(Context context, boolean open) {
        String origin = context.header("Origin");
        String host = context.header("Host");
        if (key == null && !LOOPBACK.contains(withoutPort(host))) {
            throw new Refusal(403, null, "this server answers to localhost alone; start it with --host and --api-key");
        }
        if (origin != null && !isOwn(origin, host)) {
            throw new Refusal(403, null, "pages of other sites may not use this server");
        }
        if (key != null && !open && !isKey(context.header("Authorization"))) {
            throw new Refusal(401, null, "give the server's key as Authorization: Bearer KEY");
        }
    }

    private static boolean isOwn(String origin, String host) {
        try {
            return host != null && host.equals(new URI(origin).getAuthority());
        } catch (URISyntaxException e) {
            return false;
        }
    }

    private boolean isKey(String header) {
        byte[] given = (header == null ? "" : header).getBytes(StandardCharsets.UTF_8);
        return MessageDigest.isEqual(given, ("Bearer " + key).getBytes(StandardCharsets.UTF_8)); // in constant time
    }

    private static String withoutPort(String host) {
        return host == null ? "" : host.replaceFirst(":\\d+$", "");
    }
}
