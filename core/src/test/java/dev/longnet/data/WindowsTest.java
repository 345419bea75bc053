package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WindowsTest {
    @TempDir
    Path temporary;

    /** A file of one document of {@code tokens} tokens with its end. */
    private TokenFile counting(int tokens) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < tokens - 1; i++) {
            text.append((char) ('a' + (i * i + i / 7) % 26));
        }
        Path source = TestFiles.write(
                temporary.resolve("t" + tokens + ".txt"), text.toString().getBytes(StandardCharsets.US_ASCII));
        return TokenFile.open(
                temporary.resolve("cache"), TestFiles.config(source).withHeldOut(0), Split.TRAIN, Progress.NONE);
    }

    private static List<long[]> rows(Windows windows, int batches) {
        List<long[]> rows = new ArrayList<>();
        for (int i = 0; i < batches; i++) {
            Windows.Batch batch = windows.next();
            for (int row = 0; row < batch.rows(); row++) {
                rows.add(Arrays.copyOfRange(batch.tokens(), row * batch.columns(), (row + 1) * batch.columns()));
            }
        }
        return rows;
    }

    /** All windows of {@code length + 1} tokens that start at {@code phase} plus a multiple of the length. */
    private static List<String> cut(TokenFile file, int length, long phase) {
        List<String> windows = new ArrayList<>();
        int[] window = new int[length + 1];
        for (long start = phase; start + length < file.tokens(); start += length) {
            file.read(start, window, 0, length + 1);
            windows.add(Arrays.toString(window));
        }
        return windows;
    }

    @ParameterizedTest
    @CsvSource({"101,7,3", "100,1,7", "97,96,1", "97,95,2", "53,13,5", "200,33,4", "31,10,11"})
    void anEpochVisitsEveryWindowOnce(int tokens, int length, int batch) {
        TokenFile file = counting(tokens);
        Windows windows = new Windows(file, length, batch, 3);
        Windows single = new Windows(file, length, 1, 3);
        Set<Long> phases = new HashSet<>();
        List<long[]> visited = new ArrayList<>();
        for (int epoch = 0; epoch < 5; epoch++) {
            assertThat(single.state()).isEqualTo(new Windows.State(epoch, 0));
            List<String> expected = null;
            long count = single.windows();
            List<long[]> rows = rows(single, (int) count);
            visited.addAll(rows);
            List<String> seen = rows.stream().map(Arrays::toString).sorted().toList();
            for (long phase = 0; phase < length && expected == null; phase++) {
                List<String> candidate =
                        cut(file, length, phase).stream().sorted().toList();
                if (candidate.equals(seen)) {
                    expected = candidate;
                    phases.add(phase);
                }
            }
            assertThat(seen)
                    .as("epoch %d is the file cut from some phase", epoch)
                    .isEqualTo(expected);
        }
        if (length > 7 && tokens > 2 * length) {
            assertThat(phases).as("borders vary").hasSizeGreaterThan(1);
        }
        List<long[]> batched = rows(windows, visited.size() / batch);
        assertThat(batched).as("the batch does not change the order").isNotEmpty();
        for (int i = 0; i < batched.size(); i++) {
            assertThat(batched.get(i)).isEqualTo(visited.get(i));
        }
    }

    @Test
    void epochsHaveDifferentOrders() {
        Windows windows = new Windows(counting(400), 1, 1, 11);
        int count = (int) windows.windows();
        assertThat(rows(windows, count)).isNotEqualTo(rows(windows, count));
        assertThat(windows.state()).isEqualTo(new Windows.State(2, 0));
    }

    @Test
    void theSeedChoosesTheOrder() {
        TokenFile file = counting(300);
        assertThat(new Windows(file, 9, 5, 1).next().tokens())
                .isEqualTo(new Windows(file, 9, 5, 1).next().tokens())
                .isNotEqualTo(new Windows(file, 9, 5, 2).next().tokens());
    }

    @Test
    void aBatchIsRowsOfOneTokenMoreThanTheLength() {
        Windows.Batch batch = new Windows(counting(101), 7, 3, 0).next();
        assertThat(batch.rows()).isEqualTo(3);
        assertThat(batch.columns()).isEqualTo(8);
        assertThat(batch.tokens()).hasSize(24);
    }

    @ParameterizedTest
    @CsvSource({"101,7,3", "61,20,5", "29,28,2"})
    void resumingGivesWhatWouldHaveCome(int tokens, int length, int batch) throws IOException {
        TokenFile file = counting(tokens);
        Windows uninterrupted = new Windows(file, length, batch, 8);
        JsonMapper json = new JsonMapper();
        for (int step = 0; step < 40; step++) {
            String saved = json.writeValueAsString(uninterrupted.state());
            Windows resumed = new Windows(file, length, batch, 8);
            resumed.next();
            resumed.restore(json.readValue(saved, Windows.State.class));
            assertThat(resumed.state()).isEqualTo(uninterrupted.state());
            assertThat(resumed.next().tokens()).isEqualTo(uninterrupted.next().tokens());
        }
        assertThat(uninterrupted.state().epoch()).isPositive();
    }

    @Test
    void wrongArgumentsSayTheWayOut() {
        TokenFile file = counting(50);
        assertThat(new Windows(file, 49, 1, 0).windows()).isEqualTo(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Windows(file, 50, 1, 0))
                .withMessageContaining("50 tokens")
                .withMessageContaining("needs 51; lower train.length or add data");
        assertThatIllegalArgumentException().isThrownBy(() -> new Windows(file, 0, 1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new Windows(file, 7, 0, 0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Windows(file, 7, Integer.MAX_VALUE, 0))
                .withMessageContaining("train.batch");
        Windows windows = new Windows(file, 7, 1, 0);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> windows.restore(new Windows.State(0, 99)))
                .withMessageContaining("99");
        assertThatIllegalArgumentException().isThrownBy(() -> new Windows.State(-1, 0));
    }

    @Test
    void aPartOfABatchIsThatPart() {
        TokenFile file = counting(101);
        Windows all = new Windows(file, 7, 5, 4), some = new Windows(file, 7, 5, 4);
        for (int i = 0; i < 9; i++) {
            Windows.Batch batch = all.next(), part = some.next(1, 3, 2, 5);
            assertThat(part.rows()).isEqualTo(3);
            assertThat(part.columns()).isEqualTo(5);
            for (int row = 0; row < 3; row++) {
                int from = (1 + row) * batch.columns() + 2;
                assertThat(Arrays.copyOfRange(part.tokens(), 5 * row, 5 * row + 5))
                        .isEqualTo(Arrays.copyOfRange(batch.tokens(), from, from + 5));
            }
            assertThat(some.state()).isEqualTo(all.state());
        }
        assertThatIllegalArgumentException().isThrownBy(() -> some.next(3, 3, 0, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> some.next(0, 1, 4, 5));
    }
}
