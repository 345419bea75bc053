package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopTextTest {
    /** However the text is cut into pieces, and whatever the stops share. */
    @Test
    void cutsBeforeTheFirstStop() {
        Random random = new Random(4);
        for (int round = 0; round < 2000; round++) {
            String text = letters(random, 30);
            List<String> stops = List.of(letters(random, 1 + random.nextInt(4)), letters(random, 2));
            int end = stops.stream()
                    .mapToInt(text::indexOf)
                    .filter(at -> at >= 0)
                    .min()
                    .orElse(text.length());
            StopText cut = new StopText(stops);
            StringBuilder given = new StringBuilder();
            for (int at = 0; at < text.length() && !cut.stopped(); ) {
                int n = Math.min(text.length() - at, random.nextInt(5));
                given.append(cut.accept(text.substring(at, at + n)));
                at += n;
            }
            boolean stopped = cut.stopped();
            given.append(cut.finish());
            assertThat(stopped).as("%s in %s", stops, text).isEqualTo(end < text.length());
            assertThat(given.toString()).as("%s in %s", stops, text).isEqualTo(text.substring(0, end));
        }
    }

    private static String letters(Random random, int count) {
        StringBuilder letters = new StringBuilder();
        for (int i = 0; i < count; i++) {
            letters.append("abc".charAt(random.nextInt(3)));
        }
        return letters.toString();
    }

    @Test
    void holdsBackNoMoreThanMayBeAStop() {
        StopText cut = new StopText(List.of("\n\n"));
        assertThat(cut.accept("line\n")).isEqualTo("line");
        assertThat(cut.accept("x")).isEqualTo("\nx");
        assertThat(cut.accept("\n\ny")).isEmpty();
        assertThat(cut.stopped()).isTrue();
        assertThat(cut.finish()).isEmpty();
    }
}
