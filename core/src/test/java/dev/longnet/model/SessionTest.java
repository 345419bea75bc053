package dev.longnet.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.AttentionKernel;
import dev.longnet.pattern.DilationPattern;
import dev.longnet.tensor.Gradient;
import dev.longnet.tensor.Scope;
import dev.longnet.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A text read token by token is the text read at once. */
class SessionTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "5:1,13:3 6 6 xpos", // heads divisible, segments not nested
                "7:2,10:3,10:1 6 2 rotary", // ratios divide no segment, grouped key/value heads
                "6:4,16:5 3 1 xpos", // more ratio than heads: tokens that no head keeps
                "8:1,12:4 6 3 none", // heads not a multiple of the ratio
                "9:7 2 2 rotary", // one sparse branch
                "4:1,8:2,16:4 6 6 none",
                "3:3,11:2 6 6 xpos",
            })
    void equalsAFullForward(String pattern, int heads, int keyValueHeads, String positions) {
        String[] settings = {
            "pattern=" + pattern, "heads=" + heads, "keyValueHeads=" + keyValueHeads, "positions=" + positions
        };
        try (Scope scope = new Scope()) {
            compare(Models.decoder(ScalarType.Double, settings), 1e-10, true);
            compare(Models.decoder(ScalarType.Float, settings), 1e-4, false);
        }
    }

    private static void compare(LongNetDecoder model, double bound, boolean everyPrompt) {
        int longest = (int) model.config().pattern().longestSegment(),
                w = (int) model.config().pattern().branches().get(0).segment();
        int[] text = Models.text(2 * longest + 3 * w + 11);
        Tensor all;
        try (var off = Gradient.off()) {
            all = model.forward(Models.tokens(text)).select(0, 0);
        }
        List<Integer> prompts = everyPrompt ? List.of(1, 2, w - 1, w, w + 1, longest, 3 * w + 5) : List.of(w + 1);
        for (int prompt : new TreeSet<>(prompts)) {
            try (Scope scope = new Scope();
                    LongNetDecoder.Session session = model.newSession(Execution.PLAIN)) {
                Tensor[] logits = new Tensor[text.length - prompt + 1];
                logits[0] = session.read(Arrays.copyOf(text, prompt));
                for (int i = 1; i < logits.length; i++) {
                    logits[i] = session.read(text[prompt + i - 1]);
                }
                assertThat(session.position()).isEqualTo(text.length);
                assertThat(Tensors.relativeError(Tensors.stack(0, logits), all.narrow(0, prompt - 1, logits.length)))
                        .as("prompt of %d of %d", prompt, text.length)
                        .isLessThan(bound);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "5:1,13:3 6 6 xpos",
                "7:2,10:3,10:1 6 2 rotary",
                "6:4,16:5 3 1 xpos",
                "8:1,12:4 6 3 none",
                "9:7 2 2 rotary",
                "4:1,8:2,16:4 6 6 xpos",
                "3:1,40:6 6 6 rotary",
                "25:1,100:4... 6 6 xpos", // grows where no text comes
            })
    void readsInPiecesOfAnySize(String pattern, int heads, int keyValueHeads, String positions) {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(
                    ScalarType.Double,
                    "pattern=" + pattern,
                    "heads=" + heads,
                    "keyValueHeads=" + keyValueHeads,
                    "positions=" + positions);
            int[] text = Models.text(89);
            Tensor whole;
            try (var off = Gradient.off()) {
                whole = model.features(Models.tokens(text), Execution.PLAIN);
            }
            Random random = new Random(heads);
            for (int size : new int[] {1, 2, 3, 7, 8, 16, 40, 0}) {
                for (AttentionKernel kernel : List.of(AttentionKernel.AUTO, AttentionKernel.REFERENCE)) {
                    try (Scope one = new Scope();
                            LongNetDecoder.Session session = model.newSession(Execution.PLAIN.withKernel(kernel))) {
                        for (int at = 0; at < text.length; ) {
                            int n = Math.min(size == 0 ? 1 + random.nextInt(20) : size, text.length - at);
                            Tensor piece = session.features(Arrays.copyOfRange(text, at, at + n));
                            assertThat(Tensors.relativeError(piece, whole.narrow(1, at, n)))
                                    .as("%d tokens from %d on, %s, pieces of %d", n, at, kernel.name(), size)
                                    .isLessThan(1e-10);
                            at += n;
                        }
                    }
                }
            }
        }
    }

    /** Texts of different lengths, some of which cross segments or grow, read a token each: as each by itself. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "5:1,13:3 6 6 xpos",
                "6:4,16:5 3 1 xpos",
                "7:2,10:3,10:1 6 2 rotary",
                "8:1,12:4 6 3 none",
                "3:1,6:2... 6 3 rotary",
                "2:1,8:4... 2 2 xpos",
            })
    void severalTextsAreReadSideBySide(String pattern, int heads, int keyValueHeads, String positions) {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(
                    ScalarType.Double,
                    "pattern=" + pattern,
                    "heads=" + heads,
                    "keyValueHeads=" + keyValueHeads,
                    "positions=" + positions);
            int[] text = Models.text(120);
            int[] read = {0, 1, 4, 5, 13, 31, 57};
            List<LongNetDecoder.Session> together = new ArrayList<>(), apart = new ArrayList<>();
            for (int count : read) {
                LongNetDecoder.Session session = model.newSession(Execution.PLAIN);
                if (count > 0) {
                    session.read(Arrays.copyOf(text, count));
                }
                together.add(session);
                apart.add(session.copy());
            }
            for (int step = 0; step < 29; step++) {
                try (Scope one = new Scope()) {
                    int[] tokens = new int[read.length];
                    Tensor[] logits = new Tensor[read.length];
                    for (int i = 0; i < read.length; i++) {
                        tokens[i] = text[read[i] + step];
                        logits[i] = apart.get(i).read(tokens[i]);
                    }
                    assertThat(Tensors.relativeError(model.step(together, tokens), Tensors.stack(0, logits)))
                            .as("step %d", step)
                            .isLessThan(1e-10);
                    Tensor last = apart.get(4).read(tokens[4]); // one alone
                    assertThat(Tensors.relativeError(model.step(together.subList(4, 5), tokens[4]), last.unsqueeze(0)))
                            .isLessThan(1e-10);
                }
            }
            assertThat(together)
                    .extracting(LongNetDecoder.Session::position)
                    .containsExactlyElementsOf(
                            apart.stream().map(LongNetDecoder.Session::position).toList());
            together.forEach(LongNetDecoder.Session::close);
            apart.forEach(LongNetDecoder.Session::close);
        }
    }

    /** What grows is not computed at once; token by token it is what {@code KeyValueCacheTest} holds against the definition. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {"3:1,6:2... 6 3 rotary", "2:1,8:4... 2 2 xpos", "5:2,15:6... 4 4 none"})
    void growsWithTheText(String pattern, int heads, int keyValueHeads, String positions) {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(
                    ScalarType.Double,
                    "pattern=" + pattern,
                    "heads=" + heads,
                    "keyValueHeads=" + keyValueHeads,
                    "positions=" + positions);
            int[] text = Models.text(131);
            Tensor[] one = new Tensor[text.length];
            try (LongNetDecoder.Session session = model.newSession(Execution.PLAIN)) {
                for (int i = 0; i < text.length; i++) {
                    one[i] = session.features(text[i]);
                }
            }
            Tensor byToken = Tensors.cat(1, one);
            for (int size : new int[] {2, 7, 16, 64, 131}) {
                try (LongNetDecoder.Session session = model.newSession(Execution.PLAIN)) {
                    for (int at = 0; at < text.length; at += size) {
                        int n = Math.min(size, text.length - at);
                        Tensor piece = session.features(Arrays.copyOfRange(text, at, at + n));
                        assertThat(Tensors.relativeError(piece, byToken.narrow(1, at, n)))
                                .as("%d tokens from %d on", n, at)
                                .isLessThan(1e-10);
                    }
                }
            }
            assertThatThrownBy(() -> model.forward(Models.tokens(text)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("write out the branches for 131 tokens");
        }
    }

    @Test
    void continuesWithSeveralTokensAtATime() {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Double);
            int[] text = Models.text(37);
            try (LongNetDecoder.Session once = model.newSession(Execution.PLAIN);
                    LongNetDecoder.Session parts = model.newSession(Execution.PLAIN);
                    LongNetDecoder.Session plain =
                            model.newSession(Execution.PLAIN.withKernel(AttentionKernel.REFERENCE))) {
                Tensor expected = once.read(text);
                parts.read(Arrays.copyOf(text, 9));
                assertThat(Tensors.relativeError(parts.read(Arrays.copyOfRange(text, 9, 37)), expected))
                        .isLessThan(1e-10);
                assertThat(Tensors.relativeError(plain.read(text), expected)).isLessThan(1e-10);
            }
        }
    }

    @Test
    void keepsAsManyRowsAsThePatternSaysHoweverLongTheText() {
        // Branches longer than the 64 rows that a cache starts with.
        DilationPattern pattern = DilationPattern.parse("70:1,300:4");
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(
                    ScalarType.Float, "pattern=" + pattern, "layers=1", "embedding=8", "heads=2", "keyValueHeads=2");
            try (LongNetDecoder.Session session = model.newSession(Execution.PLAIN)) {
                assertThat(session.bytes()).isZero();
                int[] text = Models.text(611);
                session.read(Arrays.copyOf(text, 303));
                for (int i = 303; i < text.length; i++) {
                    session.read(text[i]).close();
                }
                assertThat(session.bytes()).isEqualTo(pattern.cacheRows() * 2 * 8 * Float.BYTES);
            }
        }
    }

    @Test
    void readsNoTokenThatTheModelDoesNotKnow() {
        try (Scope scope = new Scope()) {
            LongNetDecoder model = Models.decoder(ScalarType.Float);
            try (LongNetDecoder.Session session = model.newSession(Execution.PLAIN)) {
                assertThatThrownBy(() -> session.read(3, 11))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("token 11 is outside the vocabulary 0 … 10");
                assertThatThrownBy(session::read).hasMessage("a session reads at least one token at a time");
                assertThat(session.position()).isZero();
            }
            assertThatThrownBy(() -> model.forward(Models.tokens(1, -1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("tokens from -1 to 1 are not all inside the vocabulary 0 … 10");
            assertThatThrownBy(() -> model.forward(Models.tokens(1, 2).to(ScalarType.Float)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("int64");
        }
    }
}
