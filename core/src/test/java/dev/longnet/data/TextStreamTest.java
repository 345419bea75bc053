package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextStreamTest {
    @Test
    void aCharacterComesWithItsLastByte() {
        TextStream stream = new TextStream(Tokenizer.of("bytes"));
        assertThat(pieces(stream, "a€🙂b".getBytes(StandardCharsets.UTF_8)))
                .containsExactly("a", "", "", "€", "", "", "", "🙂", "b", "");
    }

    @Test
    void invalidBytesAreReplacedAsSoonAsTheyAreCertain() {
        TextStream stream = new TextStream(Tokenizer.of("bytes"));
        assertThat(pieces(
                        stream, new byte[] {(byte) 0xff, 'a', (byte) 0xe2, (byte) 0x82, 'b', (byte) 0xf0, (byte) 0x9f}))
                .containsExactly("\uFFFD", "a", "", "", "\uFFFDb", "", "", "\uFFFD");
        assertThat(stream.accept('c')).isEqualTo("c");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes", "cl100k_base", "o200k_base"})
    void piecesTogetherAreTheDecodedText(String name) {
        Tokenizer tokenizer = Tokenizer.of(name);
        Random random = new Random(5);
        int[] tokens = random.ints(5_003, 0, tokenizer.vocabulary()).toArray();
        TextStream stream = new TextStream(tokenizer);
        StringBuilder text = new StringBuilder();
        for (int token : tokens) {
            text.append(stream.accept(token));
        }
        text.append(stream.finish());
        assertThat(text.toString()).isEqualTo(tokenizer.decodeText(tokens));
    }

    private static List<String> pieces(TextStream stream, byte[] tokens) {
        List<String> pieces = new ArrayList<>();
        for (byte token : tokens) {
            pieces.add(stream.accept(token & 0xff));
        }
        pieces.add(stream.finish());
        return pieces;
    }
}
