package dev.longnet.app;

import dev.longnet.data.TextStream;
import dev.longnet.generate.Generator;
import dev.longnet.generate.Sampling;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.read.StateFile;
import dev.longnet.train.TrainedModel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A prompt continued by a model, streamed as it was made.
 *
 * @param text what the model added
 */
record Continuation(String text, Generator.Summary summary) {
    /** @param state file of what was read before the prompt, or null */
    static Continuation of(
            TrainedModel trained,
            Path state,
            byte[] prompt,
            int maxTokens,
            Sampling sampling,
            long seed,
            Output output) {
        int[] tokens = trained.tokenizer().encode(prompt);
        if (tokens.length == 0) {
            tokens = new int[] {trained.tokenizer().endOfDocument()}; // as if a document began
        }
        TextStream stream = new TextStream(trained.tokenizer());
        StringBuilder text = new StringBuilder();
        output.stream(new String(prompt, StandardCharsets.UTF_8));
        LongNetDecoder model = trained.model();
        try (LongNetDecoder.Session session = model.newSession(trained.execution())) {
            if (state != null) {
                new StateFile(model).load(state, session);
            }
            Generator.Summary summary = new Generator(
                            model, trained.execution(), trained.tokenizer().vocabulary())
                    .generate(
                            session,
                            tokens,
                            maxTokens,
                            sampling,
                            seed,
                            trained.tokenizer().endOfDocument(),
                            token -> {
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
}
