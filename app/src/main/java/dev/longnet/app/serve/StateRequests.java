package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.LongNetException;
import dev.longnet.data.DataConfig;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import io.javalin.http.Context;
import io.javalin.http.UploadedFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;

/** {@code POST /v1/states}: text of a request is laid down in files, made tokens and read into a state. */
final class StateRequests {
    /** Bytes of a document; its tokens are an array in Java's heap. */
    private static final long LARGEST_FILE = 32 << 20;

    /** Uploads whose text is made tokens at the same time. */
    private static final int AT_ONCE = 2;

    private final Service service;
    private final Semaphore room = new Semaphore(AT_ONCE);

    StateRequests(Service service) {
        this.service = service;
    }

    /**
     * What a client asks.
     *
     * @param from name of the state that the text goes on from, or null
     */
    private record Request(String name, String from, boolean stream) {}

    void answer(Context context, Body body) throws Exception {
        if (!room.tryAcquire()) {
            throw new BusyException("the server is reading " + AT_ONCE + " texts already; try again in a moment");
        }
        try {
            answerAlone(context, body);
        } finally {
            room.release();
        }
    }

    private void answerAlone(Context context, Body body) throws Exception {
        Path folder = Files.createTempDirectory("longnet-upload");
        String reserved = null;
        try {
            List<String> sources = new ArrayList<>();
            Request request = context.isMultipartFormData()
                    ? files(context, folder, sources)
                    : text(body.json(context), folder, sources);
            service.states().reserve(request.name);
            reserved = request.name;
            Reply reply = new Reply(context, Body.JSON, request.stream);
            try {
                read(request, sources, folder, reply);
            } catch (Reply.GoneException e) {
                throw e;
            } catch (RuntimeException e) {
                reply.fail(e);
            }
        } finally {
            if (reserved != null) {
                service.states().unreserve(reserved);
            }
            delete(folder);
        }
    }

    private static Request text(JsonNode json, Path folder, List<String> sources) throws IOException {
        Fields fields = new Fields(json);
        String text = fields.text("text", "");
        if (text.isEmpty()) {
            throw Refusal.of("text", "a state is made of text, or of files sent as multipart/form-data");
        }
        Path file = folder.resolve("text.txt");
        Files.writeString(file, text);
        sources.add(file.toString());
        return new Request(fields.text("name", null), fields.text("from", null), fields.flag("stream"));
    }

    /** Files get numbers for names, in the order they came: what a client calls them never becomes a path. */
    private static Request files(Context context, Path folder, List<String> sources) throws IOException {
        for (UploadedFile upload : context.uploadedFiles()) {
            if (upload.size() > 0) {
                Path file =
                        folder.resolve(String.format(Locale.ROOT, "%07d%s", sources.size(), suffix(upload.filename())));
                try (InputStream in = upload.content()) {
                    Files.copy(in, file);
                }
                sources.add(file.toString());
            }
        }
        if (sources.isEmpty()) {
            throw Refusal.of("files", "no file with anything in it was sent; send parts named files with file names");
        }
        return new Request(
                context.formParam("name"), context.formParam("from"), "true".equals(context.formParam("stream")));
    }

    /** The end of a name that says what kind of file it is. */
    private static String suffix(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        for (String kind : List.of(".zip", ".jar", ".jsonl")) {
            if (lower.endsWith(kind)) {
                return kind;
            }
        }
        return ".txt";
    }

    private void read(Request request, List<String> sources, Path folder, Reply reply) throws InterruptedException {
        DataConfig data = service.trained().config().data();
        DataConfig all = new DataConfig(sources, data.tokenizer(), data.textField(), 1, LARGEST_FILE, 0);
        try (TokenFile text = tokens(folder, all)) {
            States.Loaded base = request.from == null || request.from.isEmpty()
                    ? null
                    : service.states().load(request.from);
            ReadingJob work = new ReadingJob(
                    service.trained(), text, service.states(), request.name, base, service.readingPiece());
            service.engine().submit(work);
            try {
                follow(work, text, request, reply);
            } finally {
                work.cancel();
                work.awaitClosed(); // it reads the file
            }
        }
    }

    private static TokenFile tokens(Path folder, DataConfig all) {
        try {
            return TokenFile.open(folder.resolve("tokens"), all, Split.HELD_OUT, (done, total) -> {});
        } catch (LongNetException e) {
            throw Refusal.of(
                    "files",
                    "there is no text to read: files must hold UTF-8 text of up to " + LARGEST_FILE
                            + " bytes, and .jsonl files objects with their text");
        }
    }

    private void follow(ReadingJob work, TokenFile text, Request request, Reply reply) throws InterruptedException {
        while (true) {
            Event event = work.next(Reply.ALIVE_MILLIS);
            reply.alive();
            if (event == null) {
                continue;
            }
            if (event instanceof Event.Progress progress) {
                if (request.stream) {
                    reply.event(progress(progress));
                }
            } else if (event instanceof Event.Failed failed) {
                reply.fail(failed.cause());
                return;
            } else {
                service.meters().read(text.tokens());
                reply.end(201, described((States.Description) ((Event.Done) event).result()));
                return;
            }
        }
    }

    private static Map<String, Object> progress(Event.Progress progress) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("object", "state.progress");
        json.put("tokens", progress.tokens());
        json.put("total", progress.total());
        json.put("tokens_per_second", progress.tokensPerSecond());
        json.put("loss", Double.isNaN(progress.loss()) ? null : progress.loss());
        json.put("by_position", progress.byPosition());
        return json;
    }

    /** A state as a client sees it. */
    static Map<String, Object> described(States.Description state) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", state.id());
        json.put("object", "state");
        json.put("created", state.created());
        json.put("tokens", state.tokens());
        json.put("bytes", state.bytes());
        json.put("loss", state.loss());
        json.put("by_position", state.byPosition());
        return json;
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
