package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Numbers to show: those of attention are a pattern's own, the others follow a formula. */
record FakeModel(DilationPattern pattern, int layers, int heads) {
    ObjectNode models() {
        ObjectNode list = FakeServer.JSON.createObjectNode().put("object", "list");
        ObjectNode model = list.putArray("data").addObject();
        model.put("id", "a-model").put("object", "model").put("owned_by", "longnet");
        ObjectNode about = model.putObject("longnet");
        about.put("parameters", 831_000)
                .put("layers", layers)
                .put("embedding", 128)
                .put("heads", heads);
        about.put("vocabulary", 256).put("tokenizer", "bytes").put("pattern", pattern.toString());
        about.put("positions", "rotary").put("device", "cpu");
        about.putObject("limits")
                .put("prompt_tokens", 1 << 20)
                .put("max_tokens", 65536)
                .put("upload_bytes", 100_000);
        return list;
    }

    /** Up to 1000, 2000, 4000 … tokens, an odd loss each. */
    ArrayNode byPosition(long tokens) {
        ArrayNode parts = FakeServer.JSON.createArrayNode();
        long from = 0;
        for (long to = 1000; from < tokens; to *= 2) {
            long end = Math.min(to, tokens);
            parts.addObject()
                    .put("from", from)
                    .put("to", end)
                    .put("loss", 2 + 700.0 / end)
                    .put("tokens", end - from);
            from = end;
        }
        return parts;
    }

    /** Surprise of a token in nats, from 0 to beyond 10, less the more context there is, and here and there more. */
    static double loss(int token, int context) {
        double most = token * 37 % 111 / 10.0;
        return token % 5 == 0 ? most + 0.3 * context : most * Math.pow(0.8, context);
    }

    /** One token a byte. */
    ObjectNode surprise(JsonNode request) {
        ObjectNode answer = FakeServer.JSON.createObjectNode().put("object", "surprise");
        ArrayNode tokens = answer.putArray("tokens");
        byte[] bytes = request.path("text").asText().getBytes(StandardCharsets.UTF_8);
        for (byte one : bytes) {
            tokens.add(one < 0 ? "\ufffd" : String.valueOf((char) one));
        }
        ArrayNode contexts = answer.putArray("contexts");
        int count = request.path("contexts").size();
        for (int c = 0; c <= count; c++) {
            ObjectNode context = contexts.addObject();
            context.set("context", c < count ? request.path("contexts").get(c) : null);
            ArrayNode losses = context.putArray("losses");
            double sum = 0;
            for (int i = 0; i < bytes.length; i++) {
                if (i == 0 && !request.has("state")) {
                    losses.addNull();
                } else {
                    losses.add(loss(i, c));
                    sum += loss(i, c);
                }
            }
            context.put("mean", sum / bytes.length);
        }
        return answer;
    }

    ObjectNode attention(Map<String, Long> query) {
        long length = query.get("length"), position = query.get("position");
        Long target = query.get("target");
        ObjectNode answer = FakeServer.JSON.createObjectNode().put("object", "attention");
        answer.put("pattern", pattern.toString()).put("layers", layers).put("heads", heads);
        answer.put("length", length).put("position", position);
        ArrayNode branches = answer.putArray("branches");
        for (Branch branch : pattern.at(position).branches()) {
            long from = position / branch.segment() * branch.segment();
            ObjectNode one =
                    branches.addObject().put("segment", branch.segment()).put("ratio", branch.ratio());
            one.put("from", from).put("to", Math.min(length, from + branch.segment()));
            ArrayNode heads = one.putArray("heads");
            for (int head = 0; head < this.heads; head++) {
                boolean kept = branch.covers(position, head, this.heads);
                ObjectNode about = heads.addObject().put("head", head).put("kept", kept);
                if (kept) {
                    long first = from + branch.offset(head, this.heads);
                    about.put("first", first).put("last", position).put("step", branch.ratio());
                    about.put("count", (position - first) / branch.ratio() + 1);
                }
            }
        }
        boolean search = target != null && position < 1 << 24;
        int hops = search ? pattern.hops(target, position, position + 1, heads, true) : -1;
        answer.put("target", target).put("hops", hops < 0 ? null : hops);
        answer.put("hops_computed", position < 1 << 24);
        answer.set("path", hops < 0 ? null : path(target, position, position + 1, hops));
        return answer;
    }

    private ArrayNode path(long from, long to, long length, int hops) {
        ArrayNode path = FakeServer.JSON.createArrayNode().add(from);
        long at = from;
        for (int left = hops - 1; left >= 0; left--) {
            long next = at + 1;
            while (!seen(next, at, length) || pattern.hops(next, to, length, heads, true) != left) {
                next++;
            }
            at = next;
            path.add(at);
        }
        return path;
    }

    private boolean seen(long query, long key, long length) {
        for (int head = 0; head < heads; head++) {
            if (pattern.count(query, key, head, heads, length, true) > 0) {
                return true;
            }
        }
        return false;
    }
}
