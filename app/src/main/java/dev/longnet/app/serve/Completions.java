package dev.longnet.app.serve;

import dev.longnet.generate.Course;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** An answer of {@code /v1/completions} in OpenAI's form, from the events of a {@link Completion}. */
final class Completions {
    private final Service service;
    private final CompletionRequest request;
    private final Reply reply;
    private final Map<String, Object> head = new LinkedHashMap<>();
    private final Map<Integer, StringBuilder> texts = new TreeMap<>();
    private final Map<Integer, List<Event.Token>> tokens = new HashMap<>();
    private final Map<Integer, Course.End> ends = new HashMap<>();
    private int made;

    Completions(Service service, CompletionRequest request, Reply reply) {
        this.service = service;
        this.request = request;
        this.reply = reply;
        head.put("id", "cmpl-" + UUID.randomUUID());
        head.put("object", "text_completion");
        head.put("created", System.currentTimeMillis() / 1000);
        head.put("model", service.name());
    }

    /** Answers from beginning to end. */
    void answer() throws InterruptedException {
        String state = request.state() == null ? service.defaultState() : request.state();
        States.Loaded base =
                state == null || state.isEmpty() ? null : service.states().load(state);
        Completion work = new Completion(service.trained(), request, base, service.promptPiece(), service.engine());
        service.engine().submit(work);
        long begin = System.nanoTime(), until = begin + service.limits().time().toNanos();
        int count = request.prompts().size() * request.copies();
        try {
            while (ends.size() < count) {
                Event event = work.next(Reply.ALIVE_MILLIS);
                if (System.nanoTime() > until) {
                    throw new Refusal(
                            504,
                            "max_tokens",
                            "the request took longer than "
                                    + service.limits().time().toSeconds()
                                    + " s; ask for fewer tokens or have the limit raised (--timeout)");
                }
                reply.alive();
                if (event == null) {
                    continue;
                }
                if (event instanceof Event.Failed failed) {
                    reply.fail(failed.cause());
                    return;
                } else {
                    service.meters().firstToken(begin);
                    take((Event.Piece) event);
                }
            }
            reply.end(200, request.stream() ? (request.usage() ? usageOnly() : null) : whole());
        } catch (Refusal e) {
            reply.fail(e);
        } finally {
            work.cancel();
            service.meters().completed(promptTokens(), made, begin);
        }
    }

    private void take(Event.Piece piece) {
        made += piece.made();
        if (piece.end() != null) {
            ends.put(piece.choice(), piece.end());
        }
        if (request.stream()) {
            if (!piece.text().isEmpty() || !piece.tokens().isEmpty() || piece.end() != null) {
                Map<String, Object> chunk = new LinkedHashMap<>(head);
                chunk.put("choices", List.of(choice(piece.choice(), piece.text(), piece.tokens(), piece.end())));
                if (request.usage()) {
                    chunk.put("usage", null);
                }
                reply.event(chunk);
            }
            return;
        }
        texts.computeIfAbsent(piece.choice(), i -> new StringBuilder()).append(piece.text());
        tokens.computeIfAbsent(piece.choice(), i -> new ArrayList<>()).addAll(piece.tokens());
    }

    private Map<String, Object> whole() {
        Map<String, Object> all = new LinkedHashMap<>(head);
        List<Object> choices = new ArrayList<>();
        texts.forEach((i, text) -> choices.add(choice(i, text.toString(), tokens.get(i), ends.get(i))));
        all.put("choices", choices);
        all.put("usage", usage());
        return all;
    }

    private Map<String, Object> usageOnly() {
        Map<String, Object> chunk = new LinkedHashMap<>(head);
        chunk.put("choices", List.of());
        chunk.put("usage", usage());
        return chunk;
    }

    private Map<String, Object> usage() {
        Map<String, Object> usage = new LinkedHashMap<>();
        usage.put("prompt_tokens", promptTokens());
        usage.put("completion_tokens", made);
        usage.put("total_tokens", promptTokens() + made);
        return usage;
    }

    private int promptTokens() {
        return request.prompts().stream().mapToInt(each -> each.length).sum();
    }

    private Map<String, Object> choice(int index, String text, List<Event.Token> with, Course.End end) {
        Map<String, Object> choice = new LinkedHashMap<>();
        choice.put("index", index);
        choice.put("text", text);
        choice.put("logprobs", request.logprobs() == null ? null : logprobs(with));
        choice.put("finish_reason", end == null ? null : end.name().toLowerCase(Locale.ROOT));
        return choice;
    }

    private Map<String, Object> logprobs(List<Event.Token> with) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("tokens", with.stream().map(Event.Token::text).toList());
        all.put(
                "token_logprobs",
                with.stream().map(Event.Token::logprob).collect(ArrayList::new, List::add, List::addAll));
        List<Object> likely = new ArrayList<>();
        with.forEach(token -> likely.add(token.logprob() == null ? null : token.likely()));
        all.put("top_logprobs", request.logprobs() == 0 ? null : likely);
        all.put("text_offset", with.stream().map(Event.Token::offset).toList());
        return all;
    }
}
