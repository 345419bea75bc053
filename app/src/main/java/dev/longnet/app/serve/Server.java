package dev.longnet.app.serve;

import static dev.longnet.Checks.requireArgument;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.LongNetException;
import dev.longnet.model.LongNetConfig;
import dev.longnet.tensor.Tensors;
import dev.longnet.train.TrainedModel;
import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.config.JettyConfig;
import io.javalin.config.RoutesConfig;
import io.javalin.config.SizeUnit;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HttpResponseException;
import io.javalin.http.staticfiles.Location;
import io.javalin.util.JavalinBindException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** The routes of the API and the page, over one model. */
public final class Server implements AutoCloseable {
    private static final String ROUTE = "longnet.route";
    private static final long IDLE_MILLIS = 30_000, LAST_MILLIS = 5_000;
    private static final long LEAST_BYTES_PER_SECOND = 64;
    private static final int SPARE_THREADS = 32, MOST_FILES = 200_000;
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "::1");

    private final Service service;
    private final Access access;
    private final UnderWay underWay = new UnderWay();
    private final long started = System.currentTimeMillis() / 1000;
    private final Javalin javalin;

    /**
     * Where a server listens and what it keeps.
     *
     * @param name of the model as clients see it
     * @param host to listen on
     * @param port 0 for any that is free
     * @param key that clients must give, or null for none, which is for this machine alone
     * @param states folder of what was read
     * @param state name of the one in it that completions go on from when they name none, or null
     * @param stateBytes of states in memory that nobody uses at the moment
     * @param threads of the CPU, 0 for one a core
     */
    public record Settings(
            String name, String host, int port, String key, Path states, String state, long stateBytes, int threads) {
        public Settings {
            requireArgument(
                    LOOPBACK.contains(host) || key != null,
                    "a server that others reach on %s needs a key; give --api-key, or leave out --host",
                    host);
            requireArgument(key == null || !key.isBlank(), "the server's key must not be empty");
            requireArgument(port >= 0 && port < 1 << 16, "a port lies between 0 and 65535, got %d", port);
        }
    }

    /**
     * Starts to listen.
     *
     * @throws LongNetException if the port is taken or there is no such state
     */
    public Server(TrainedModel trained, Settings settings, Limits limits) {
        access = new Access(settings.key());
        States states = new States(settings.states(), trained, settings.stateBytes());
        Engine engine = new Engine(
                trained.model(),
                trained.tokenizer().vocabulary(),
                limits.atOnce(),
                limits.waiting(),
                settings.threads());
        service = new Service(settings.name(), trained, engine, states, new Meters(engine), limits, settings.state());
        javalin = Javalin.create(config -> configure(config, settings, limits));
        try {
            if (settings.state() != null) {
                states.load(settings.state()).release();
            }
            javalin.start(settings.host(), settings.port());
        } catch (Refusal e) {
            close();
            throw new LongNetException(e, "%s", e.getMessage());
        } catch (JavalinBindException e) {
            close();
            throw new LongNetException(
                    e,
                    "%s:%d cannot be listened on: it is taken or not this machine's; give another --port or --host",
                    settings.host(),
                    settings.port());
        }
    }

    /** The port that it listens on. */
    public int port() {
        return javalin.port();
    }

    private void configure(JavalinConfig config, Settings settings, Limits limits) {
        config.startup.showJavalinBanner = false;
        config.startup.showOldJavalinVersionWarning = false;
        config.startup.startupWatcherEnabled = false;
        config.http.maxRequestSize = limits.uploadBytes();
        config.http.prefer405over404 = true;
        jetty(config.jetty, limits);
        config.staticFiles.add(files -> {
            files.hostedPath = "/";
            files.directory = "/dev/longnet/app/serve/page";
            files.location = Location.CLASSPATH;
            files.headers = Map.of(
                    "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
                    "X-Content-Type-Options", "nosniff",
                    "Referrer-Policy", "no-referrer",
                    "Cache-Control", "no-cache");
        });
        config.requestLogger.http((context, millis) -> service.meters()
                .request(context.attribute(ROUTE) == null ? "other" : context.attribute(ROUTE), context.statusCode()));
        routes(config.routes);
    }

    private static void jetty(JettyConfig jetty, Limits limits) {
        QueuedThreadPool threads = new QueuedThreadPool(limits.atOnce() + limits.waiting() + SPARE_THREADS);
        threads.setDaemon(true);
        threads.setName("longnet-http");
        jetty.threadPool = threads;
        jetty.modifyHttpConfiguration(http -> {
            http.setIdleTimeout(IDLE_MILLIS);
            http.setMinRequestDataRate(LEAST_BYTES_PER_SECOND);
            http.setSendServerVersion(false);
            http.setHeaderCacheCaseSensitive(true); // else a key is taken for one that differs in case and came before
        });
        jetty.modifyServletContextHandler(handler -> handler.setMaxFormKeys(MOST_FILES));
        jetty.multipartConfig.maxInMemoryFileSize(0, SizeUnit.KB); // many small files would fill it
        jetty.multipartConfig.maxFileSize(limits.uploadBytes(), SizeUnit.BYTES);
        jetty.multipartConfig.maxTotalRequestSize(limits.uploadBytes(), SizeUnit.BYTES);
    }

    /** What answers one route. */
    private interface Answer {
        void to(Context context) throws Exception;
    }

    private void routes(RoutesConfig routes) {
        Body body = new Body(service.limits().bodyBytes());
        StateRequests states = new StateRequests(service);
        AttentionView attention = new AttentionView(service.trained().config().model());
        routes.before(context -> access.check(context, isOpen(context.path())));
        routes.get("/health", named("/health", context -> {
            context.status(service.engine().isWell() ? 200 : 503);
            json(context, health());
        }));
        routes.get(
                "/metrics",
                named(
                        "/metrics",
                        context -> context.contentType(Meters.CONTENT_TYPE)
                                .result(service.meters().text())));
        routes.get("/v1/models", named("/v1/models", context -> json(context, models())));
        routes.get("/v1/models/{id}", named("/v1/models", context -> json(context, model(context.pathParam("id")))));
        routes.post("/v1/completions", named("/v1/completions", context -> {
            CompletionRequest request = CompletionRequest.of(
                    requireModel(body.json(context)),
                    service.trained().tokenizer(),
                    (int) service.trained().config().model().vocabulary(),
                    service.limits());
            new Completions(service, request, new Reply(context, Body.JSON, request.stream())).answer();
        }));
        routes.get("/v1/states", named("/v1/states", context -> json(context, list())));
        routes.post("/v1/states", named("/v1/states", context -> states.answer(context, body)));
        routes.get(
                "/v1/states/{id}",
                named(
                        "/v1/states/{id}",
                        context -> json(
                                context,
                                StateRequests.described(service.states().require(context.pathParam("id"))))));
        routes.delete("/v1/states/{id}", named("/v1/states/{id}", context -> {
            service.states().delete(context.pathParam("id"));
            json(context, Map.of("id", context.pathParam("id"), "object", "state", "deleted", true));
        }));
        routes.post(
                "/v1/surprise",
                named(
                        "/v1/surprise",
                        context -> Surprise.answer(service, body.json(context), new Reply(context, Body.JSON, false))));
        routes.get(
                "/v1/attention",
                named(
                        "/v1/attention",
                        context -> json(
                                context,
                                attention.of(
                                        number(context, "length", null),
                                        number(context, "position", null),
                                        target(context)))));
        routes.exception(Exception.class, Server::failed);
        routes.exception(
                HttpResponseException.class,
                (e, context) -> failed(
                        new Refusal(
                                e.getStatus(), null, context.method() + " " + context.path() + ": " + e.getMessage()),
                        context));
    }

    private Handler named(String route, Answer answer) {
        return context -> {
            context.attribute(ROUTE, route);
            underWay.enter();
            try {
                answer.to(context);
            } finally {
                underWay.leave();
            }
        };
    }

    /** The page itself is no secret; what it asks for is. */
    private static boolean isOpen(String path) {
        return !path.startsWith("/v1") && !path.startsWith("/metrics");
    }

    private static void failed(Exception e, Context context) {
        if (e instanceof Reply.GoneException || isGone(e)) {
            context.status(400);
            return;
        }
        if (!context.res().isCommitted()) {
            Errors error = Errors.of(e);
            context.status(error.status());
            json(context, error.body());
        }
    }

    /** Whether the client has left before its request was whole. */
    private static boolean isGone(Throwable e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof EofException) {
                return true;
            }
        }
        return false;
    }

    private static void json(Context context, Object value) {
        try {
            context.contentType("application/json").result(Body.JSON.writeValueAsString(value));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private JsonNode requireModel(JsonNode json) {
        String model = new Fields(json).text("model", service.name());
        if (!model.equals(service.name())) {
            throw new Refusal(
                    404,
                    "model",
                    "the model \"" + model + "\" is not here; this server has \"" + service.name() + "\"");
        }
        return json;
    }

    private static long number(Context context, String name, Long otherwise) {
        String text = context.queryParam(name);
        try {
            if (text == null && otherwise != null) {
                return otherwise;
            }
            return Long.parseLong(text == null ? "" : text);
        } catch (NumberFormatException e) {
            throw Refusal.of(name, name + " must be a whole number, such as " + name + "=100");
        }
    }

    private static Long target(Context context) {
        return context.queryParam("target") == null ? null : number(context, "target", null);
    }

    private Map<String, Object> health() {
        Map<String, Object> health = new LinkedHashMap<>();
        health.put("status", service.engine().isWell() ? "ok" : "failed");
        health.put("model", service.name());
        health.put("running", service.engine().active());
        health.put("waiting", service.engine().waiting());
        return health;
    }

    private Map<String, Object> list() {
        List<Map<String, Object>> states =
                service.states().list().stream().map(StateRequests::described).toList();
        return Map.of("object", "list", "data", states);
    }

    private Map<String, Object> models() {
        return Map.of("object", "list", "data", List.of(model(service.name())));
    }

    private Map<String, Object> model(String id) {
        if (!id.equals(service.name())) {
            throw new Refusal(404, "model", "the model \"" + id + "\" is not here");
        }
        Map<String, Object> model = new LinkedHashMap<>();
        model.put("id", service.name());
        model.put("object", "model");
        model.put("created", started);
        model.put("owned_by", "longnet");
        LongNetConfig config = service.trained().config().model();
        Limits limits = service.limits();
        Map<String, Object> more = new LinkedHashMap<>();
        more.put("parameters", config.parameterCount());
        more.put("layers", config.layers());
        more.put("embedding", config.embedding());
        more.put("heads", config.heads());
        more.put("vocabulary", config.vocabulary());
        more.put("tokenizer", service.trained().tokenizer().name());
        more.put("pattern", config.pattern().toString());
        more.put("positions", config.positions().name().toLowerCase(Locale.ROOT));
        more.put("device", Tensors.deviceName(service.trained().model().device()));
        more.put("state", service.defaultState());
        Map<String, Object> bounds = new LinkedHashMap<>();
        bounds.put("prompt_tokens", limits.promptTokens());
        bounds.put("max_tokens", limits.newTokens());
        bounds.put("body_bytes", limits.bodyBytes());
        bounds.put("upload_bytes", limits.uploadBytes());
        more.put("limits", bounds);
        model.put("longnet", more);
        return model;
    }

    @Override
    public void close() {
        service.engine().close(); // those who wait are told
        underWay.awaitNone(LAST_MILLIS);
        javalin.stop();
        service.states().close();
    }
}
