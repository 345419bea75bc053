package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundsTest {
    private static final int DOCUMENTS = 9;

    @TempDir
    Path temporary;

    private TokenFile text() {
        Path folder = temporary.resolve("text");
        for (int i = 0; i < DOCUMENTS; i++) {
            String line = (char) ('a' + i) + "x".repeat(i * i % 7);
            TestFiles.write(folder.resolve("d" + i + ".txt"), line.getBytes(StandardCharsets.US_ASCII));
        }
        return TokenFile.open(
                temporary.resolve("cache"), TestFiles.config(folder).withHeldOut(0), Split.TRAIN, Progress.NONE);
    }

    /** Documents of a round, in its order. */
    private static List<String> documents(int[] tokens) {
        StringBuilder text = new StringBuilder();
        Arrays.stream(tokens).forEach(token -> text.append((char) token));
        return List.of(text.toString().split("\0"));
    }

    private static int[] read(Rounds rounds, long start, int count) {
        int[] tokens = new int[count];
        rounds.read(start, tokens, 0, count);
        return tokens;
    }

    @Test
    void everyRoundHasAllDocumentsInAnotherOrder() {
        try (TokenFile text = text()) {
            int n = (int) text.tokens();
            Rounds rounds = new Rounds(text, 5);
            int[] asItStands = new int[n];
            text.read(0, asItStands, 0, n);
            assertThat(read(rounds, 0, n)).isEqualTo(asItStands);
            Set<List<String>> orders = new HashSet<>();
            for (int round = 0; round < 6; round++) {
                List<String> documents = documents(read(rounds, (long) round * n, n));
                assertThat(documents).containsExactlyInAnyOrderElementsOf(documents(asItStands));
                orders.add(documents);
            }
            assertThat(orders).hasSize(6);
            assertThat(read(new Rounds(text, 6), n, n)).isNotEqualTo(read(rounds, n, n));
        }
    }

    /** Whatever is read before, and however much at once. */
    @Test
    void aPlaceHasOneToken() {
        try (TokenFile text = text()) {
            int n = (int) text.tokens();
            List<Integer> all = new ArrayList<>();
            Arrays.stream(read(new Rounds(text, 5), 0, 5 * n)).forEach(all::add);
            Random random = new Random(3);
            Rounds rounds = new Rounds(text, 5);
            for (int i = 0; i < 300; i++) {
                int start = random.nextInt(5 * n), count = 1 + random.nextInt(5 * n - start);
                assertThat(read(rounds, start, count))
                        .containsExactly(all.subList(start, start + count).stream()
                                .mapToInt(Integer::intValue)
                                .toArray());
            }
        }
    }
}
