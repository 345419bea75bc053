package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
    @ParameterizedTest
    @ValueSource(strings = {"bytes", "cl100k_base", "o200k_base"})
    void decodingGivesTheTextBack(String name) {
        Tokenizer tokenizer = Tokenizer.of(name);
        assertThat(tokenizer.name()).isEqualTo(name);
        for (String text : new String[] {"", "x", "int größe = 7;\n\n\tπ 🙂 中文", "<|endoftext|>", "\r\n \r\n  a"}) {
            int[] tokens = tokenizer.encode(text);
            assertThat(Arrays.stream(tokens)).allMatch(token -> token >= 0 && token < tokenizer.vocabulary());
            assertThat(tokens).doesNotContain(tokenizer.endOfDocument());
            assertThat(tokenizer.decodeText(tokens)).isEqualTo(text);
        }
    }

    @Test
    void knownTokens() {
        assertThat(Tokenizer.of("bytes").encode("aé")).containsExactly(97, 0xc3, 0xa9);
        Tokenizer cl100k = Tokenizer.of("cl100k_base");
        assertThat(cl100k.encode("hello world")).containsExactly(15339, 1917);
        assertThat(cl100k.vocabulary()).isEqualTo(100277);
        assertThat(cl100k.endOfDocument()).isEqualTo(100257);
        assertThat(cl100k.decodeText(new int[] {100257})).isEqualTo("<|endoftext|>");
        Tokenizer o200k = Tokenizer.of("o200k_base");
        assertThat(o200k.encode("hello world")).containsExactly(24912, 2375);
        assertThat(o200k.vocabulary()).isEqualTo(200019);
        assertThat(o200k.decodeText(new int[] {199999})).isEqualTo("<|endoftext|>");
    }

    @Test
    void bytesKeepWhatIsNotUtf8() {
        byte[] bytes = {(byte) 0xff, 1, (byte) 0x80};
        Tokenizer tokenizer = Tokenizer.of("bytes");
        assertThat(tokenizer.decode(tokenizer.encode(bytes))).isEqualTo(bytes);
        assertThat(Tokenizer.of("cl100k_base")
                        .decodeText(Tokenizer.of("cl100k_base").encode(bytes)))
                .isEqualTo("\uFFFD\u0001\uFFFD");
    }

    @ParameterizedTest
    @ValueSource(strings = {"cl100k_base", "o200k_base"})
    void numbersWithoutATokenAreReplaced(String name) {
        Tokenizer tokenizer = Tokenizer.of(name);
        int last = tokenizer.vocabulary() - 2;
        assertThat(tokenizer.decodeText(new int[] {last})).isEqualTo("\uFFFD");
        for (int wrong : new int[] {-1, tokenizer.vocabulary()}) {
            assertThatThrownBy(() -> tokenizer.decode(new int[] {wrong}))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("token " + wrong);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cl100k_base", "o200k_base"})
    void cuttingALargeDocumentDoesNotChangeItsTokens(String name) {
        BytePairTokenizer tokenizer = BytePairTokenizer.of(name);
        String[] pieces = {
            "\n", "\n\n", "\r\n", " ", "\t", "name", "X", "42", "//", ";", "\n/", "é", "'s", ".\n", "\nint", "\n7", "🙂"
        };
        Random random = new Random(3);
        StringBuilder text = new StringBuilder();
        while (text.length() < 300_001) {
            text.append(pieces[random.nextInt(pieces.length)]);
        }
        assertThat(tokenizer.encode(text.toString()))
                .isEqualTo(tokenizer.encoding().encodeOrdinary(text.toString()).toArray());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", " ", "\n", "=", "7", "é", "🙂", "\u0001"})
    void longRunsEnd(String repeated) {
        String text = repeated.repeat(30_001);
        for (String name : new String[] {"cl100k_base", "o200k_base"}) {
            Tokenizer tokenizer = Tokenizer.of(name);
            int[] tokens = Assertions.assertTimeoutPreemptively(Duration.ofSeconds(60), () -> tokenizer.encode(text));
            assertThat(tokenizer.decode(tokens)).isEqualTo(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    @Test
    void unknownNamesAreAnswered() {
        assertThatThrownBy(() -> Tokenizer.of("gpt2"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tokenizer \"gpt2\" is not known; use one of bytes, cl100k_base, o200k_base");
    }
}
