package dev.longnet.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.LongNetException;
import dev.longnet.config.Configs;
import dev.longnet.data.DataConfig;
import dev.longnet.data.Progress;
import dev.longnet.data.Split;
import dev.longnet.data.TokenFile;
import dev.longnet.data.Tokenizer;
import dev.longnet.eval.ContextEvaluation.ByContext;
import dev.longnet.eval.ContextEvaluation.ByPosition;
import dev.longnet.eval.ContextEvaluation.Plan;
import dev.longnet.model.Execution;
import dev.longnet.model.LongNetConfig;
import dev.longnet.model.LongNetDecoder;
import dev.longnet.tensor.Compute;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ContextEvaluationTest {
    private static final Tokenizer BYTES = Tokenizer.of("bytes");

    @TempDir
    private Path folder;

    private Scope scope;
    private LongNetDecoder model;
    private TokenFile file;

    @BeforeEach
    void open() throws IOException {
        scope = new Scope();
        Compute.seed(5);
        model = new LongNetDecoder(Configs.with(
                LongNetConfig.defaults(),
                "vocabulary=256",
                "embedding=16",
                "layers=2",
                "heads=2",
                "keyValueHeads=2",
                "feedForward=24",
                "pattern=8:1,24:3"));
        file = tokens("bytes");
    }

    /** Two documents of 300 and 512 letters. */
    private TokenFile tokens(String tokenizer) throws IOException {
        Path text = Files.createDirectories(folder.resolve("text"));
        Random random = new Random(2);
        for (int length : new int[] {300, 512}) {
            StringBuilder letters = new StringBuilder();
            random.ints(length, 'a', 'k').forEach(letter -> letters.append((char) letter));
            Files.writeString(text.resolve(length + ".txt"), letters);
        }
        DataConfig data = DataConfig.defaults()
                .withSources(List.of(text.toString()))
                .withHeldOut(1)
                .withTokenizer(tokenizer);
        return TokenFile.open(folder.resolve("cache"), data, Split.HELD_OUT, Progress.NONE);
    }

    @AfterEach
    void close() {
        file.close();
        scope.close();
    }

    private static Plan plan(int suffix, int samples, int... contexts) {
        return new Plan(Arrays.stream(contexts).boxed().toList(), suffix, samples);
    }

    private ContextEvaluation.Result run(int suffix, int samples, int... contexts) {
        return new ContextEvaluation(model, Execution.PLAIN, BYTES)
                .run(file, plan(suffix, samples, contexts), (done, of) -> {});
    }

    /** −ln p of tokens [end − suffix + 1, end] of the file given the {@code context} tokens before each window's end. */
    private double[] direct(long end, int context, int suffix) {
        int[] window = new int[context + 1];
        file.read(end - context, window, 0, context + 1);
        long[] wide = Arrays.stream(window).asLongStream().toArray();
        try (var off = Gradient.off();
                Scope step = new Scope()) {
            Tensor input = Tensors.of(Arrays.copyOf(wide, context), Tensors.cpu(), 1, context);
            Tensor p = model.forward(input).log_softmax(2);
            double[] losses = new double[suffix];
            for (int i = 0; i < suffix; i++) {
                int at = context - suffix + i;
                losses[i] = -Tensors.item(p.select(0, 0).select(0, at).select(0, wide[at + 1]));
            }
            return losses;
        }
    }

    @Test
    void theLossIsOfTheSameSuffixAtEveryContext() {
        assertThat(file.tokens()).isEqualTo(814);
        List<ByContext> results = run(13, 3, 99, 29, 14).byContext();
        assertThat(results).extracting(ByContext::context).containsExactly(14, 29, 99);
        // Of 99, 29 and 14 tokens the second sample leaves out 0.618 and the third 0.236 of a half, if the suffix fits.
        Map<Integer, int[]> given =
                Map.of(99, new int[] {99, 69, 88}, 29, new int[] {29, 21, 26}, 14, new int[] {14, 14, 14});
        for (ByContext result : results) {
            double sum = 0;
            long[] ends = {99, 456, 813};
            for (int s = 0; s < 3; s++) {
                sum += Arrays.stream(direct(ends[s], given.get(result.context())[s], 13))
                        .sum();
            }
            assertThat(result.tokens()).isEqualTo(39);
            assertThat(result.loss()).isCloseTo(sum / 39, within(1e-5));
            assertThat(result.perplexity()).isCloseTo(Math.exp(sum / 39), within(1e-2));
            // The last token of all ends the document and is no byte of its text.
            assertThat(result.bitsPerByte()).isCloseTo(sum / Math.log(2) / 38, within(1e-5));
        }
        assertThat(results.get(0).loss()).isNotEqualTo(results.get(2).loss());
    }

    @Test
    void theLossByPositionIsOfTheLongestContext() {
        List<ByPosition> buckets = run(31, 2, 40, 301).byPosition();
        assertThat(buckets).extracting(ByPosition::from).containsExactly(0, 64, 128, 256);
        assertThat(buckets).extracting(ByPosition::to).containsExactly(64, 128, 256, 301);
        // The second sample begins 0.618 of a half later.
        double[] first = direct(301, 301, 301), second = direct(813, 209, 209);
        for (ByPosition bucket : buckets) {
            int from = Math.min(bucket.from(), 209), to = Math.min(bucket.to(), 209);
            double mean = (Arrays.stream(first, bucket.from(), bucket.to()).sum()
                            + Arrays.stream(second, from, to).sum())
                    / (bucket.to() - bucket.from() + to - from);
            assertThat(bucket.loss()).isCloseTo(mean, within(1e-5));
        }
    }

    @Test
    void aShortContextHasOneBucket() {
        assertThat(run(3, 2, 5).byPosition()).singleElement().satisfies(bucket -> {
            assertThat(bucket.from()).isZero();
            assertThat(bucket.to()).isEqualTo(5);
        });
    }

    @ParameterizedTest
    @CsvSource({"1, 13", "5, 65", "56, 728", "57, 728", "1000000, 728"})
    void samplesDoNotOverlap(int samples, int tokens) {
        assertThat(run(13, samples, 98).byContext().get(0).tokens()).isEqualTo(Math.min(tokens, 56 * 13));
    }

    @Test
    void theWholeFileIsOneSample() {
        ByContext result = run(813 - 1, 3, 813).byContext().get(0);
        assertThat(result.tokens()).isEqualTo(812);
        assertThat(result.loss())
                .isCloseTo(Arrays.stream(direct(813, 813, 812)).average().orElseThrow(), within(1e-5));
    }

    @Test
    void progressEndsWithTheLastPass() {
        List<String> heard = new ArrayList<>();
        new ContextEvaluation(model, Execution.PLAIN, BYTES)
                .run(file, plan(7, 3, 20, 40), (done, of) -> heard.add(done + "/" + of));
        assertThat(heard).containsExactly("1/6", "2/6", "3/6", "4/6", "5/6", "6/6");
    }

    @ParameterizedTest
    @ValueSource(strings = {"cl100k_base", "o200k_base"})
    void bitsAreCountedByTheByteWhateverTheTokens(String name) throws IOException {
        Tokenizer tokenizer = Tokenizer.of(name);
        Compute.seed(5);
        LongNetDecoder wide = new LongNetDecoder(Configs.with(
                LongNetConfig.defaults(),
                "vocabulary=" + tokenizer.vocabulary(),
                "embedding=4",
                "layers=1",
                "heads=1",
                "keyValueHeads=1",
                "feedForward=4",
                "pattern=8:1"));
        try (TokenFile tokens = tokens(name)) {
            ByContext result = new ContextEvaluation(wide, Execution.PLAIN, tokenizer)
                    .run(tokens, plan(11, 1, 19), (done, of) -> {})
                    .byContext()
                    .get(0);
            long end = 19 + (tokens.tokens() - 20) / 2;
            int[] suffix = new int[11];
            tokens.read(end - 10, suffix, 0, 11);
            assertThat(result.bitsPerByte())
                    .isCloseTo(11 * result.loss() / Math.log(2) / tokenizer.decode(suffix).length, within(1e-9));
        }
    }

    /** Suffixes of one token at power-of-two contexts end everywhere in their segments, at the same places of the text. */
    @Test
    void suffixesEndAllOverASegment() {
        Plan plan = plan(5, 64, 64, 256);
        for (int context : plan.contexts()) {
            Set<Integer> places = new TreeSet<>();
            for (int s = 0; s < plan.samples(); s++) {
                int given = plan.given(context, s);
                assertThat(given).isBetween(context / 2 + 1, context);
                places.add(given % 16);
            }
            assertThat(places).hasSize(16);
        }
        assertThat(plan.given(256, 0)).isEqualTo(256);
        assertThat(plan(255, 9, 256).given(256, 5)).isEqualTo(256);
    }

    @Test
    void aSuffixWithoutTextIsPassedOver() throws IOException {
        Path text = Files.createDirectories(folder.resolve("ends"));
        Files.writeString(text.resolve("a.txt"), "abcdefg");
        Files.writeString(text.resolve("b.txt"), "hij");
        DataConfig data =
                DataConfig.defaults().withSources(List.of(text.toString())).withHeldOut(1);
        try (TokenFile ends = TokenFile.open(folder.resolve("cache"), data, Split.HELD_OUT, Progress.NONE)) {
            assertThat(ends.tokens()).isEqualTo(12);
            ContextEvaluation evaluation = new ContextEvaluation(model, Execution.PLAIN, BYTES);
            // The tokens at 7 and 11 end a document.
            ByContext some = evaluation
                    .run(ends, plan(1, 5, 7), (done, of) -> {})
                    .byContext()
                    .get(0);
            assertThat(some.tokens()).isEqualTo(3);
            assertThat(some.bitsPerByte()).isCloseTo(some.loss() / Math.log(2), within(1e-9));
            List<String> heard = new ArrayList<>();
            assertThatThrownBy(() -> evaluation.run(ends, plan(1, 1, 11), (done, of) -> heard.add(done + "/" + of)))
                    .isInstanceOf(LongNetException.class)
                    .hasMessage(
                            "the 1 suffixes of 1 tokens hold no text, only ends of documents; use a longer --suffix");
            assertThat(heard).containsExactly("1/1");
        }
    }

    @Test
    void aModelThatIsNotFiniteIsRefused() {
        try (var off = Gradient.off()) {
            model.embedding().fill_(new Scalar(Double.NaN));
        }
        assertThatThrownBy(() -> run(13, 3, 99))
                .isInstanceOf(LongNetException.class)
                .hasMessageContaining("perplexity is NaN at a context of 99 tokens");
    }

    @Test
    void refusesWhatCannotBeMeasured() {
        assertThatThrownBy(() -> run(13, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("--context");
        for (int[] wrong :
                new int[][] {{13, 3, 13, 99}, {13, 3, 99, 5}, {0, 3, 99}, {-1, 3, 99}, {13, 3, 0}, {13, 3, -8}}) {
            assertThatThrownBy(() -> run(wrong[0], wrong[1], Arrays.copyOfRange(wrong, 2, wrong.length)))
                    .as(Arrays.toString(wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("suffix");
        }
        assertThatThrownBy(() -> run(13, 0, 99))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("samples must be positive");
        for (int context : new int[] {814, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> run(13, 3, 99, context))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("814 tokens; use shorter contexts or more data");
        }
    }
}
