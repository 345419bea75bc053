package dev.longnet.app;

import dev.longnet.data.TextStream;
import dev.longnet.generate.Generator;
import dev.longnet.generate.Sampling;
import dev.longnet.train.TrainedModel;
import java.nio.charset.StandardCharsets;

/**
 * A prompt continued by a model, streamed as it was made.
 *
 * @param text what the model added
 */
record Continuation(String text, Generator.Summary summary) {
    static Continuation of(
            TrainedModel trained, byte[] prompt, int maxTokens, Sampling sampling, long seed, Output output) {
        int[] tokens = trained.tokenizer().encode(prompt);
        if (tokens.length == 0) {
            tokens = new int[] {trained.tokenizer().endOfDocument()}; // as if a document began
        }
        TextStream stream = new TextStream(trained.tokenizer());
        StringBuilder text = new StringBuilder();
        output.stream(new String(prompt, StandardCharsets.UTF_8));
        Generator.Summary summary = new Generator(trained.model(), trained.execution())
                .generate(tokens, maxTokens, sampling, seed, trained.tokenizer().endOfDocument(), token -> {
                    String piece = stream.accept(token);
                    text.append(piece);
                    output.stream(piece);
                    return true;
                });
        String rest = stream.finish();
        text.append(rest);
        output.stream(rest + System.lineSeparator());
        return new Continuation(text.toString(), summary);
    }
}
