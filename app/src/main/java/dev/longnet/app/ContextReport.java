package dev.longnet.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.config.Sizes;
import dev.longnet.data.DataConfig;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.eval.ContextEvaluation;
import dev.longnet.eval.ContextEvaluation.Plan;
import dev.longnet.io.AtomicFiles;
import dev.longnet.train.RunConfig;
import dev.longnet.train.TrainedModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What context was worth to one or more models on the same text; {@code eval.json} holds it.
 *
 * @param data where the text came from
 */
record ContextReport(String data, List<Model> models) {
    /** One model's losses. */
    record Model(
            String name,
            int trainedLength,
            String pattern,
            List<ContextEvaluation.ByContext> byContext,
            List<ContextEvaluation.ByPosition> byPosition) {
        /** Measures a model on the held-out part of a text, with a bar; its tensors belong to the scope that is open. */
        static Model measure(Path run, TrainedModel trained, DataConfig text, Plan plan, Output output) {
            try (TokenFile file = Tokens.open(text, Split.HELD_OUT, output);
                    LateBar bar = new LateBar(output, "eval")) {
                ContextEvaluation.Result result = new ContextEvaluation(
                                trained.model(), trained.execution(), trained.tokenizer())
                        .run(file, plan, bar::update);
                RunConfig config = trained.config();
                return new Model(
                        run.toAbsolutePath().normalize().getFileName().toString(),
                        (int) Math.min(
                                config.train().length(),
                                config.model().pattern().longestSegment()),
                        config.model().pattern().toString(),
                        result.byContext(),
                        result.byPosition());
            }
        }

        Model named(String name) {
            return new Model(name, trainedLength, pattern, byContext, byPosition);
        }
    }

    void show(Output output) {
        List<String> header = new ArrayList<>(List.of("context"));
        for (Model model : models) {
            header.add(model.name() + " perplexity");
            header.add("bits/byte");
        }
        Table table = new Table(header.toArray(String[]::new));
        for (int c = 0; c < models.get(0).byContext().size(); c++) {
            List<Object> row = new ArrayList<>();
            int context = models.get(0).byContext().get(c).context();
            row.add(Sizes.format(context));
            for (Model model : models) {
                ContextEvaluation.ByContext cell = model.byContext().get(c);
                row.add(String.format(Locale.ROOT, "%.3f", cell.perplexity()));
                row.add(String.format(Locale.ROOT, "%.3f", cell.bitsPerByte()));
                Map<String, Object> json = new LinkedHashMap<>();
                json.put("model", model.name());
                json.put("context", context);
                json.put("loss", cell.loss());
                json.put("perplexity", cell.perplexity());
                json.put("bitsPerByte", cell.bitsPerByte());
                json.put("tokens", cell.tokens());
                output.json(json);
            }
            table.row(row.toArray());
        }
        output.say(table);
    }

    void write(Path file) {
        try {
            AtomicFiles.writeString(
                    file, new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(this));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
