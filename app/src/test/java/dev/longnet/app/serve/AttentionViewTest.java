package dev.longnet.app.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.config.Configs;
import dev.longnet.model.LongNetConfig;
import dev.longnet.pattern.Branch;
import dev.longnet.pattern.DilationPattern;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionViewTest {
    private static LongNetConfig config(String pattern) {
        return Configs.with(
                LongNetConfig.defaults(), "pattern=" + pattern, "heads=3", "keyValueHeads=3", "embedding=12");
    }

    private static JsonNode view(String pattern, long length, long position, Long target) {
        return Served.JSON.valueToTree(new AttentionView(config(pattern)).of(length, position, target));
    }

    @ParameterizedTest
    @ValueSource(strings = {"5:1,13:3", "7:2,10:3,10:1", "6:4,16:5", "2:1,4:2..."})
    void showsWhatTheDefinitionShows(String pattern) {
        int length = 43;
        for (int position = 0; position < length; position++) {
            List<Branch> branches = DilationPattern.parse(pattern).at(position).branches();
            JsonNode view = view(pattern, length, position, 0L);
            assertThat(view.path("branches").size()).isEqualTo(branches.size());
            for (int b = 0; b < branches.size(); b++) {
                for (int head = 0; head < 3; head++) {
                    TreeSet<Long> expected = new TreeSet<>(), shown = new TreeSet<>();
                    for (long key = 0; key < length; key++) {
                        if (branches.get(b).sees(position, key, head, 3, true)) {
                            expected.add(key);
                        }
                    }
                    JsonNode of = view.path("branches").get(b).path("heads").get(head);
                    if (of.path("kept").asBoolean()) {
                        for (long at = of.path("first").asLong();
                                at <= of.path("last").asLong();
                                at += of.path("step").asLong()) {
                            shown.add(at);
                        }
                        assertThat(of.path("count").asInt()).isEqualTo(shown.size());
                    }
                    assertThat(shown)
                            .as("position %d, branch %d, head %d", position, b, head)
                            .isEqualTo(expected);
                }
            }
            int hops = DilationPattern.parse(pattern).hops(0, position, length, 3, true);
            assertThat(view.path("hops").isNull() ? -1 : view.path("hops").asInt())
                    .isEqualTo(hops);
        }
    }

    @Test
    void anyLengthIsShownAndWrongOnesRefused() {
        JsonNode far = view("2k:1,16k:8...", 1L << 40, (1L << 40) - 1, 5L);
        assertThat(far.path("hops_computed").asBoolean()).isFalse();
        assertThat(far.path("branches").size()).isGreaterThan(8);
        assertThatThrownBy(() -> view("4:1", 0, 0, null)).isInstanceOf(Refusal.class);
        assertThatThrownBy(() -> view("4:1", 9, 9, null)).isInstanceOf(Refusal.class);
        assertThatThrownBy(() -> view("4:1", 9, 4, 5L)).isInstanceOf(Refusal.class);
        assertThatThrownBy(() -> view("4:1", (1L << 40) + 1, 4, null)).isInstanceOf(Refusal.class);
    }
}
