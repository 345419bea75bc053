package dev.longnet.app.serve;

import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code /v1/attention}: what each branch and head shows one token, and how many layers lead to it from another. */
record AttentionView(LongNetConfig config) {
    private static final long LONGEST = 1L << 40, LONGEST_SEARCH = 1L << 21;

    private static final Object ONE = new Object();

    /** @param target the earlier token, or null */
    Map<String, Object> of(long length, long position, Long target) {
        if (length < 1 || length > LONGEST) {
            throw Refusal.of("length", "length must lie between 1 and 2^40, got " + length);
        }
        if (position < 0 || position >= length) {
            throw Refusal.of("position", "position must lie between 0 and " + (length - 1) + ", got " + position);
        }
        if (target != null && (target < 0 || target > position)) {
            throw Refusal.of("target", "target must lie between 0 and the position " + position + ", got " + target);
        }
        Map<String, Object> view = new LinkedHashMap<>();
        view.put("object", "attention");
        view.put("pattern", config.pattern().toString());
        view.put("layers", config.layers());
        view.put("heads", config.heads());
        view.put("length", length);
        view.put("position", position);
        List<Object> branches = new ArrayList<>();
        for (Branch branch : config.pattern().at(position).branches()) {
            branches.add(branch(branch, position, length));
        }
        view.put("branches", branches);
        boolean computed = position < LONGEST_SEARCH;
        long[] path = target == null || !computed ? null : path(target, position);
        view.put("target", target);
        view.put("hops", path == null ? null : path.length - 1);
        view.put("path", path);
        view.put("hops_computed", computed);
        return view;
    }

    private long[] path(long target, long position) {
        DilationPattern pattern = config.pattern();
        synchronized (ONE) { // a search takes tens of megabytes and seconds of a core
            long[] path = pattern.path(target, position, position + 1, config.heads(), true);
            return path.length == 0 ? null : path;
        }
    }

    private Map<String, Object> branch(Branch branch, long position, long length) {
        long from = position / branch.segment() * branch.segment();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("segment", branch.segment());
        json.put("ratio", branch.ratio());
        json.put("from", from);
        json.put("to", Math.min(length, from + branch.segment()));
        List<Object> heads = new ArrayList<>();
        for (int head = 0; head < config.heads(); head++) {
            Map<String, Object> shown = new LinkedHashMap<>();
            boolean kept = branch.covers(position, head, config.heads());
            shown.put("head", head);
            shown.put("kept", kept);
            if (kept) {
                long first = from + branch.offset(head, config.heads());
                shown.put("first", first);
                shown.put("last", position);
                shown.put("step", branch.ratio());
                shown.put("count", (position - first) / branch.ratio() + 1);
            }
            heads.add(shown);
        }
        json.put("heads", heads);
        return json;
    }
}
