package dev.longnet.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NameOrderTest {
    @Test
    void filesComeBeforeSubfoldersAndStayTogether() {
        List<String> expected = List.of(
                "b.txt", "z.txt", "a/c.java", "a/d.java", "a/b/x.java", "a/b/c/deep.java", "a-b/f.java", "ab/f.java");
        for (int seed = 0; seed < 20; seed++) {
            List<String> names = new ArrayList<>(expected);
            Collections.shuffle(names, new Random(seed));
            names.sort(NameOrder.INSTANCE);
            assertThat(names).isEqualTo(expected);
        }
    }
}
