package dev.longnet.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.LongNetException;
import dev.longnet.config.Configs;
import dev.longnet.data.TextStream;
import dev.longnet.data.Tokenizer;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GeneratorTest {
    private static final Sampling GREEDY = new Sampling(0, 1), FREE = new Sampling(1, 0.9);
    private static final int[] PROMPT = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
    private static final int NEVER = -1;

    private Scope scope;
    private LongNetDecoder model;
    private Generator generator;

    @BeforeEach
    void open() {
        scope = new Scope();
        Compute.seed(5);
        model = new LongNetDecoder(Configs.with(
                LongNetConfig.defaults(),
                "vocabulary=31",
                "embedding=16",
                "layers=2",
                "heads=2",
                "keyValueHeads=2",
                "feedForward=24",
                "pattern=8:1,24:3"));
        generator = new Generator(model, Execution.PLAIN, 31);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private List<Integer> generate(int[] prompt, int maxTokens, Sampling sampling, long seed, int end) {
        List<Integer> tokens = new ArrayList<>();
        Generator.Summary summary = generator.generate(prompt, maxTokens, sampling, seed, end, tokens::add);
        assertThat(summary.tokens()).isEqualTo(tokens.size());
        assertThat(summary.promptTokens()).isEqualTo(prompt.length);
        return tokens;
    }

    /** The most likely next token by a forward pass over everything. */
    private int next(List<Integer> tokens) {
        try (var off = Gradient.off();
                Scope step = new Scope()) {
            long[] all = tokens.stream().mapToLong(Integer::longValue).toArray();
            Tensor logits = model.forward(Tensors.of(all, Tensors.cpu(), 1, all.length));
            return (int)
                    Tensors.item(logits.select(0, 0).select(0, all.length - 1).argmax());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 11})
    void temperature0FollowsTheFullForwardPass(int promptLength) {
        int[] prompt = Arrays.copyOf(PROMPT, promptLength);
        List<Integer> all = new ArrayList<>(IntStream.of(prompt).boxed().toList());
        for (int token : generate(prompt, 37, GREEDY, 1, NEVER)) {
            assertThat(token).isEqualTo(next(all));
            all.add(token);
        }
        assertThat(all).hasSize(promptLength + 37);
    }

    @Test
    void theSameSeedMakesTheSameText() {
        List<Integer> text = generate(PROMPT, 40, FREE, 7, NEVER);
        assertThat(generate(PROMPT, 40, FREE, 7, NEVER)).isEqualTo(text);
        assertThat(generate(PROMPT, 40, FREE, 8, NEVER)).isNotEqualTo(text);
        assertThat(generate(PROMPT, 13, FREE, 7, NEVER)).isEqualTo(text.subList(0, 13));
    }

    @Test
    void stopsAtTheEndOfTheDocument() {
        List<Integer> text = generate(PROMPT, 40, FREE, 7, NEVER);
        int end = text.get(text.size() / 2);
        assertThat(generate(PROMPT, 40, FREE, 7, end)).isEqualTo(text.subList(0, text.indexOf(end)));
    }

    @Test
    void stopsWhereTheSinkSaysNo() {
        List<Integer> heard = new ArrayList<>();
        Generator.Summary summary = generator.generate(PROMPT, 40, FREE, 7, NEVER, token -> {
            heard.add(token);
            return heard.size() < 5;
        });
        assertThat(heard).hasSize(5);
        assertThat(summary.tokens()).isEqualTo(5);
    }

    /** A model may have more tokens than its tokenizer. */
    @Test
    void onlyTokensOfTheTokenizerAreMade() {
        List<Integer> all = generate(PROMPT, 60, FREE, 7, NEVER), few = new ArrayList<>();
        assertThat(all).anyMatch(token -> token >= 10);
        new Generator(model, Execution.PLAIN, 10).generate(PROMPT, 60, FREE, 7, NEVER, few::add);
        assertThat(few).hasSize(60).allMatch(token -> token < 10);
    }

    @Test
    void noTokensAreMadeWhereNoneAreWanted() {
        assertThat(generate(PROMPT, 0, FREE, 7, NEVER)).isEmpty();
    }

    @Test
    void refusesAnEmptyPromptAndUnknownTokens() {
        assertThatThrownBy(() -> generate(new int[0], 3, FREE, 7, NEVER)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> generate(PROMPT, -1, FREE, 7, NEVER))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("-1");
        for (int token : new int[] {31, -1, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> generate(new int[] {3, token}, 3, FREE, 7, NEVER))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(String.valueOf(token));
        }
    }

    @Test
    void weightsThatDivergedAreSaidSo() {
        try (var off = Gradient.off()) {
            model.embedding().select(0, 4).fill_(new Scalar(Double.NaN));
        }
        assertThatThrownBy(() -> generate(PROMPT, 3, FREE, 7, NEVER))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("after 11 tokens is not finite");
    }

    /** Characters of 1 to 4 bytes come out whole, each with its last byte. */
    @Test
    void textStreamsCharacterByCharacter() {
        Tokenizer bytes = Tokenizer.of("bytes");
        String text = "aé€𝄞z";
        TextStream stream = new TextStream(bytes);
        List<String> pieces = new ArrayList<>();
        for (int token : bytes.encode(text.getBytes(StandardCharsets.UTF_8))) {
            pieces.add(stream.accept(token));
        }
        assertThat(pieces).containsExactly("a", "", "é", "", "", "€", "", "", "", "𝄞", "z");
        assertThat(stream.finish()).isEmpty();
    }
}
