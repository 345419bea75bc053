package dev.longnet.recall;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.InvalidArgumentException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts tell what their questions ask. */
class RecallTaskTest {
    private static final int KEYS = 5, VALUES = 3, FILLERS = 7, ROOM = 40, FACT = 4, QUESTION = 6;
    private static final RecallTask TASK = new RecallTask(KEYS, VALUES, FILLERS, ROOM, FACT, QUESTION);
    private static final int FACTS = KEYS * VALUES;

    @Test
    void everyTokenMeansOneThing() {
        Set<Integer> tokens = new HashSet<>();
        IntStream.range(0, FILLERS).forEach(tokens::add);
        for (int key = 0; key < KEYS; key++) {
            assertThat(tokens.add(TASK.question(key))).isTrue();
            for (int value = 0; value < VALUES; value++) {
                assertThat(tokens.add(TASK.fact(key, value))).isTrue();
            }
        }
        for (int value = 0; value < VALUES; value++) {
            assertThat(tokens.add(TASK.answer(value))).isTrue();
        }
        assertThat(tokens).hasSize(TASK.vocabulary()).allMatch(token -> token >= 0 && token < TASK.vocabulary());
    }

    @ParameterizedTest
    @ValueSource(ints = {24, 39, 41, 127, 403})
    void lessonsAskAboutWhatTheyTold(int length) {
        Random random = new Random(length);
        int facts = Math.min(KEYS, Math.max(1, length / ROOM));
        for (int trial = 0; trial < 200; trial++) {
            RecallTask.Text text = TASK.lesson(length, 9, random);
            int[] tokens = text.tokens();
            int[] told = IntStream.range(0, length)
                    .filter(i -> tokens[i] >= FILLERS && tokens[i] < FILLERS + FACTS)
                    .toArray();

            assertThat(tokens).hasSize(length);
            assertThat(told).hasSize(facts * FACT);
            for (int i = 0; i < facts; i++) {
                int first = told[i * FACT], last = told[(i + 1) * FACT - 1];
                assertThat(last - first).isEqualTo(FACT - 1);
                assertThat(last / ROOM).isEqualTo(first / ROOM);
                assertThat(Arrays.copyOfRange(tokens, first, last + 1)).containsOnly(tokens[first]);
            }
            assertThat(Arrays.stream(told).map(at -> at / ROOM).distinct()).hasSize(facts);
            assertThat(Arrays.stream(told)
                            .map(at -> (tokens[at] - FILLERS) / VALUES)
                            .distinct())
                    .hasSize(facts);
            assertThat(text.questions()).isNotEmpty().hasSizeLessThanOrEqualTo(Math.min(9, length / 4 / QUESTION));
            assertThat(Arrays.stream(tokens).filter(token -> token >= FILLERS + FACTS))
                    .hasSize(QUESTION * text.questions().size());
            int before = -1;
            for (RecallTask.Asked asked : text.questions()) {
                assertThat(asked.end() - QUESTION)
                        .isGreaterThanOrEqualTo(before)
                        .isGreaterThanOrEqualTo(asked.fact());
                told(asked, tokens);
                assertThat(Arrays.copyOfRange(tokens, asked.end() - QUESTION + 1, asked.end() + 1))
                        .containsOnly(TASK.question(asked.key()));
                before = asked.end();
            }
        }
    }

    @Test
    void haystacksTellOneFactADistanceAndNoMore() {
        int[] distances = {50, 91, 300};
        RecallTask.Text text = TASK.haystack(333, distances, new Random(3));
        assertThat(text.tokens()).hasSize(333 - QUESTION + 1);
        assertThat(IntStream.of(text.tokens()).filter(token -> token >= FILLERS))
                .hasSize(FACT * distances.length);
        assertThat(text.questions()).extracting(RecallTask.Asked::distance).containsExactly(50, 91, 300);
        assertThat(text.questions()).extracting(RecallTask.Asked::key).doesNotHaveDuplicates();
        for (RecallTask.Asked asked : text.questions()) {
            assertThat(asked.end()).isEqualTo(333);
            told(asked, text.tokens());
        }
    }

    private static void told(RecallTask.Asked asked, int[] tokens) {
        assertThat(Arrays.copyOfRange(tokens, asked.fact() - FACT + 1, asked.fact() + 1))
                .containsOnly(TASK.fact(asked.key(), asked.value()));
    }

    @Test
    void textsAreRefusedThatCannotHoldWhatIsWanted() {
        refused("lies within a question", 6);
        refused("closer than room 40", 50, 89);
        refused("which tells 5 keys", 50, 90, 130, 170, 210, 250);
        refused("at least one distance");
        assertThatThrownBy(() -> TASK.lesson(23, 9, new Random(1)))
                .isInstanceOf(InvalidArgumentException.class)
                .hasMessageContaining("use texts of 24 or more");
        assertThatThrownBy(() -> TASK.haystack(302, new int[] {300}, new Random(1)))
                .isInstanceOf(InvalidArgumentException.class)
                .hasMessageContaining("lies outside of the text");
    }

    private static void refused(String why, int... distances) {
        assertThatThrownBy(() -> TASK.distances(distances))
                .isInstanceOf(InvalidArgumentException.class)
                .hasMessageContaining(why);
    }
}
