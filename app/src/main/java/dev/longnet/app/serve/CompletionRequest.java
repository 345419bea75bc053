package dev.longnet.app.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.InvalidArgumentException;
import dev.longnet.data.Tokenizer;
import dev.longnet.generate.Sampling;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/**
 * What a client asks of {@code /v1/completions}.
 *
 * @param prompts tokens of each prompt, at least one
 * @param copies texts to make of each prompt
 * @param stops texts that end a text; none empty
 * @param logprobs how many likely tokens to name beside each token, or null for none and no probabilities
 * @param echo whether the prompt is part of the answer
 * @param usage whether a stream ends with the numbers of tokens
 * @param state name of what was read before the prompt; null for what the server goes on from, empty for nothing
 */
record CompletionRequest(
        List<int[]> prompts,
        int maxTokens,
        Sampling sampling,
        int copies,
        long seed,
        List<String> stops,
        Integer logprobs,
        boolean echo,
        boolean stream,
        boolean usage,
        String state) {
    private static final int MOST_TEXTS = 64,
            MOST_STOPS = 16,
            LONGEST_STOP = 256,
            MOST_LOGPROBS = 20,
            DEFAULT_TOKENS = 16;

    private static final long MOST_PROBABILITIES = 500_000;

    /** @throws Refusal naming the field that is wrong */
    static CompletionRequest of(JsonNode json, Tokenizer tokenizer, int vocabulary, Limits limits) {
        Fields fields = new Fields(json);
        List<int[]> prompts = prompts(fields.get("prompt"), tokenizer, vocabulary);
        for (int[] prompt : prompts) {
            if (prompt.length > limits.promptTokens()) {
                throw Refusal.of(
                        "prompt",
                        "the prompt has " + prompt.length + " tokens and this server takes " + limits.promptTokens()
                                + "; make a state of it by /v1/states, or have the limit raised (--max-prompt)");
            }
        }
        int maxTokens = (int) fields.whole("max_tokens", DEFAULT_TOKENS, 0, limits.newTokens());
        int copies = (int) fields.whole("n", 1, 1, MOST_TEXTS);
        if ((long) copies * prompts.size() > MOST_TEXTS) {
            throw Refusal.of(
                    "n",
                    prompts.size() + " prompts with n " + copies + " are more than " + MOST_TEXTS
                            + " texts; send several requests");
        }
        fields.refuse("best_of", node -> node.asInt() == copies || node.asInt() == 1 && copies == 1);
        fields.refuse("presence_penalty", node -> node.asDouble() == 0);
        fields.refuse("frequency_penalty", node -> node.asDouble() == 0);
        fields.refuse("logit_bias", JsonNode::isEmpty);
        fields.refuse("suffix", node -> node.asText().isEmpty());
        JsonNode logprobs = fields.get("logprobs");
        if (logprobs != null) {
            requireFew(
                    prompts,
                    maxTokens,
                    copies,
                    (int) fields.whole("logprobs", 0, 0, MOST_LOGPROBS),
                    fields.flag("echo"));
        }
        return new CompletionRequest(
                prompts,
                maxTokens,
                sampling(fields),
                copies,
                fields.whole("seed", ThreadLocalRandom.current().nextLong(), Long.MIN_VALUE, Long.MAX_VALUE),
                stops(fields.get("stop")),
                logprobs == null ? null : (int) fields.whole("logprobs", 0, 0, MOST_LOGPROBS),
                fields.flag("echo"),
                fields.flag("stream"),
                usage(fields.get("stream_options")),
                fields.text("state", null));
    }

    /** An answer is held in memory, and one with probabilities is hundreds of bytes a token. */
    private static void requireFew(List<int[]> prompts, int maxTokens, int copies, int logprobs, boolean echo) {
        long tokens = (long) maxTokens * prompts.size();
        for (int[] prompt : prompts) {
            tokens += echo ? prompt.length : 0;
        }
        if (tokens * copies * (logprobs + 1) > MOST_PROBABILITIES) {
            throw Refusal.of(
                    "logprobs",
                    "probabilities of " + tokens * copies * (logprobs + 1) + " tokens are more than "
                            + MOST_PROBABILITIES + "; ask for fewer tokens, copies or logprobs, or without echo");
        }
    }

    private static Sampling sampling(Fields fields) {
        double temperature = fields.number("temperature", 1), topP = fields.number("top_p", 1);
        String parameter = "temperature";
        try {
            new Sampling(temperature, 1);
            parameter = "top_p";
            return topP == 0 ? new Sampling(0, 1) : new Sampling(temperature, topP); // the most likely token alone
        } catch (InvalidArgumentException e) {
            throw Refusal.of(parameter, e.getMessage());
        }
    }

    private static List<int[]> prompts(JsonNode prompt, Tokenizer tokenizer, int vocabulary) {
        List<int[]> prompts = new ArrayList<>();
        if (prompt == null || prompt.isTextual()) {
            prompts.add(tokenizer.encode(prompt == null ? "" : prompt.textValue()));
        } else if (prompt.isArray() && !prompt.isEmpty() && prompt.get(0).isInt()) {
            prompts.add(tokens(prompt, vocabulary));
        } else if (prompt.isArray() && !prompt.isEmpty() && prompt.size() <= MOST_TEXTS) {
            for (JsonNode each : prompt) {
                if (each.isTextual()) {
                    prompts.add(tokenizer.encode(each.textValue()));
                } else {
                    prompts.add(tokens(each, vocabulary));
                }
            }
        } else {
            throw Refusal.of(
                    "prompt",
                    "a prompt is a string, an array of token numbers, or an array of 1 to " + MOST_TEXTS + " of these");
        }
        // Where there is nothing to go on from, as if a document began.
        prompts.replaceAll(tokens -> tokens.length == 0 ? new int[] {tokenizer.endOfDocument()} : tokens);
        return prompts;
    }

    private static int[] tokens(JsonNode array, int vocabulary) {
        if (!array.isArray()) {
            throw Refusal.of("prompt", "a prompt is a string or an array of token numbers");
        }
        int[] tokens = new int[array.size()];
        for (int i = 0; i < tokens.length; i++) {
            JsonNode token = array.get(i);
            if (!token.isInt() || token.intValue() < 0 || token.intValue() >= vocabulary) {
                throw Refusal.of(
                        "prompt",
                        "tokens are whole numbers from 0 to " + (vocabulary - 1) + ", got " + Fields.shown(token));
            }
            tokens[i] = token.intValue();
        }
        return tokens;
    }

    private static List<String> stops(JsonNode stop) {
        List<String> stops = new ArrayList<>();
        if (stop != null && stop.isTextual()) {
            stops.add(stop.textValue());
        } else if (stop != null && stop.isArray() && stop.size() <= MOST_STOPS) {
            for (JsonNode each : stop) {
                stops.add(each.isTextual() ? each.textValue() : "");
            }
        } else if (stop != null) {
            throw Refusal.of("stop", "stop is a string or an array of up to " + MOST_STOPS + " strings");
        }
        if (stops.stream().anyMatch(each -> each.isEmpty() || each.length() > LONGEST_STOP)) {
            throw Refusal.of("stop", "each stop is a string of 1 to " + LONGEST_STOP + " characters");
        }
        return stops;
    }

    private static boolean usage(JsonNode options) {
        return options != null && options.path("include_usage").asBoolean();
    }
}
