package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.config.Doc;
import java.lang.reflect.RecordComponent;
import java.util.List;
import org.junit.jupiter.api.Test;

class DataConfigTest {
    @Test
    void everyKeyIsDocumented() {
        for (RecordComponent component : DataConfig.class.getRecordComponents()) {
            assertThat(component.getAnnotation(Doc.class))
                    .as(component.getName())
                    .isNotNull();
        }
    }

    @Test
    void wrongValuesSayTheRule() {
        refuses("tokenizer \"gpt\" is not known; use one of bytes", "gpt", "text", 0.1, 1);
        refuses("tokenizer \"null\"", null, "text", 0.1, 1);
        refuses("needs a name", "bytes", "", 0.1, 1);
        refuses("between 0 and 1, got -0.1", "bytes", "text", -0.1, 1);
        refuses("between 0 and 1, got NaN", "bytes", "text", Double.NaN, 1);
        refuses("between 1 and 268435456 bytes, got 0", "bytes", "text", 0.1, 0);
        refuses("between 1 and 268435456 bytes, got 1099511627776", "bytes", "text", 0.1, 1L << 40);
        assertThat(DataConfig.defaults().withSources(List.of("a")).sources()).containsExactly("a");
    }

    private static void refuses(String message, String tokenizer, String field, double heldOut, long maxFileBytes) {
        assertThatThrownBy(() -> new DataConfig(List.of(), tokenizer, field, heldOut, maxFileBytes, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }
}
